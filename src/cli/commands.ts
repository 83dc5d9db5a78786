import type { Command } from "./command.ts";
import { demo } from "./demo.ts";
import { doctor } from "./doctor.ts";
import { eventsTail } from "./events.ts";
import { grafanaExport } from "./grafana.ts";
import { migrateCommand } from "./migrate.ts";
import { outboxDiscard, outboxList, outboxRequeue } from "./outbox.ts";
import { serve } from "./serve.ts";
import { topicCreate, topicDescribe } from "./topic.ts";
import { versionCommand } from "./version.ts";

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  serve,
  migrateCommand,
  topicDescribe,
  topicCreate,
  outboxList,
  outboxRequeue,
  outboxDiscard,
  eventsTail,
  demo,
  doctor,
  grafanaExport,
  versionCommand,
];
