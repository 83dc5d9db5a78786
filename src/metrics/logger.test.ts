import { expect, test } from "bun:test";
import { join } from "node:path";

test("a line that comes while another is being written is written too, though none follows", async () => {
  const program = join(import.meta.dir, "logger.fixture.ts");
  // A reader that takes its time: the pipe holds an eighth of the long line, so the short one comes while that is under way.
  const command = ["sh", "-c", `"$0" "$1" | { sleep 0.3; cat; }`, process.execPath, program];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit", detached: true });
  // Ends a reading that would never end; the line is missing then.
  const giveUp = setTimeout(() => process.kill(-child.pid, "SIGKILL"), 5_000);
  try {
    let text = "";
    for await (const bytes of child.stdout) {
      text += Buffer.from(bytes).toString();
      if (text.includes('"msg":"short"')) break;
    }
    expect(text.match(/"msg":"(long|short)"/g)).toEqual(['"msg":"long"', '"msg":"short"']);
  } finally {
    clearTimeout(giveUp);
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, "SIGKILL");
    await child.exited;
  }
}, 10_000);

/** docs/decisions/sonic-boom.md: each fails without its hunk. */
test.each(["utf8", "buffer"])(
  "the last lines that a full disk refuses do not keep a process from ending, written as %s",
  async (contentMode) => {
    const program = join(import.meta.dir, "full.fixture.ts");
    const { stdout } = Bun.spawnSync([process.execPath, program, contentMode], {
      stderr: "inherit",
      // It would try for ever.
      timeout: 5_000,
      killSignal: "SIGKILL",
    });
    expect(stdout.toString()).toBe("ENOSPC\n");
  },
  10_000,
);
