import { describe, expect, test } from "bun:test";
import { version } from "../../package.json";
import { COMMANDS } from "./commands.ts";
import { runHere } from "./run.fixture.ts";

const run = (...argv: string[]) => runHere(argv);

describe("the command line", () => {
  test("--help lists every command with its line", async () => {
    const { code, out, err } = await run("--help");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const lines = out.split("\n").map((line) => line.trim().split(/ {2,}/));
    for (const { name, summary } of COMMANDS) expect(lines).toContainEqual([name, summary]);
  });

  test.each(COMMANDS.map(({ name }) => [name]))(
    "%s --help has usage, options, examples and exit codes",
    async (name) => {
      const asked = await run(...name.split(" "), "--help");
      expect(asked.code).toBe(0);
      expect(asked.out).toStartWith(`aetherlink ${name}: `);
      for (const part of [
        `Usage: aetherlink ${name} `,
        "\nOptions:\n",
        "-h, --help",
        "\nExamples:\n",
        "\nExit codes:\n  0  done\n",
      ])
        expect(asked.out).toContain(part);
      expect(asked.out).toMatch(new RegExp(`^  aetherlink ${name}`, "m"));
      expect(await run("help", ...name.split(" "))).toEqual(asked);
    },
  );

  test("serve --help lists the environment variables with their defaults", async () => {
    const { out } = await run("serve", "--help");
    for (const line of ["  PORT (9010)\n", "  DATABASE_URL (unset)\n"]) expect(out).toContain(line);
  });

  test.each([
    [["frob"], "there is no command 'frob', there are serve, "],
    [["help", "frob"], "there is no command 'frob', there are serve, "],
    [["outbox"], "outbox needs one of its commands: list, requeue and discard; see aetherlink outbox --help"],
    [["outbox", "--json"], "outbox needs one of its commands: "],
    [["outbox", "frob"], "outbox has no command 'frob': list, requeue and discard; see aetherlink outbox --help"],
    [["--frob"], "serve: Unknown option '--frob'; see aetherlink serve --help"],
    [["outbox", "list", "--frob"], "outbox list: Unknown option '--frob'; see aetherlink outbox list --help"],
    [["outbox", "list", "frob"], "outbox list takes no argument 'frob'; see aetherlink outbox list --help"],
    [["outbox", "requeue"], "outbox requeue takes event ids or --all; "],
    [
      ["outbox", "requeue", "--all", "0199c0de-0000-7000-8000-000000000001"],
      "outbox requeue takes event ids or --all; ",
    ],
    [["outbox", "discard", "frob"], "'frob' is no event id: those are UUIDs; "],
    [["outbox", "discard", "--all", "--reason"], "outbox discard: Option '--reason <value>' argument missing; "],
    [["migrate", "--dry-run=yes"], "migrate: Option '--dry-run' does not take an argument; "],
    [["version", "a\nb"], "version takes no argument 'a b'; "],
  ])("%p is answered by one line and exit code 2", async (argv, line) => {
    const { code, out, err } = await run(...argv);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toStartWith(line);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });

  test("outbox --help lists the commands of the group alone", async () => {
    const { code, out } = await run("outbox", "--help");
    expect(code).toBe(0);
    expect(out).toContain("  outbox requeue  ");
    expect(out).not.toContain("  migrate");
  });

  test.each(["version", "--version", "-v"])("%s prints the version alone", async (argument) => {
    expect(await run(argument)).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });

  test("version --json is one object", async () => {
    const { out } = await run("version", "--json");
    expect(JSON.parse(out)).toEqual({
      version,
      commit: null,
      bun: Bun.version,
      platform: `${process.platform}-${process.arch}`,
    });
  });
});
