import { readConfig } from "../config.ts";
import { describeLibrary } from "../kafka/index.ts";
import { configuredLibrary } from "../log/open.ts";
import { defineCommand } from "./command.ts";
import { Exit } from "./exit.ts";

/** `aetherlink doctor`. */
export const doctor = defineCommand({
  name: "doctor",
  summary: "look at everything that the server needs, and say what to do about what is missing",
  options: {},
  examples: [["doctor", "before the first start"]],
  environment: "all",
  run: async (_values, _args, { out, packed }) => {
    const { path, source, version, features } = describeLibrary(configuredLibrary(readConfig(), packed));
    out(`librdkafka ${version}\n  loaded from  ${path} (${source})\n  features     ${features.join(", ")}\n`);
    return Exit.ok;
  },
});
