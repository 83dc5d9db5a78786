import { version } from "../../package.json";
import { defineCommand, JSON_OPTION } from "./command.ts";
import { Exit } from "./exit.ts";

/** `aetherlink version`. */
export const versionCommand = defineCommand({
  name: "version",
  summary: "print the version",
  options: { json: JSON_OPTION },
  examples: [
    ["version", "the version alone"],
    ["version --json", "with Bun's, the platform's and, in a compiled binary, the commit"],
  ],
  run: async ({ json }, _, { out, packed }) => {
    const about = {
      version,
      commit: packed.commit ?? null,
      bun: Bun.version,
      platform: `${process.platform}-${process.arch}`,
    };
    out(json === true ? `${JSON.stringify(about)}\n` : `${version}\n`);
    return Exit.ok;
  },
});
