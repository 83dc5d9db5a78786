export { type OutboxCommand, outboxCommand } from "./command.ts";
export { refuseSecondLog, SecondLogError } from "./lock.ts";
export { OutboxMetrics } from "./metrics.ts";
export { CommitNotifier } from "./notify.ts";
export { Relay, type RelayOptions } from "./relay.ts";
export { OutboxRetention } from "./retention.ts";
export { outboxRoutes } from "./routes.ts";
export { type Backlog, countUnpublished, selectBacklog, selectNextOffsets, selectPublished } from "./sql.ts";
export { OutboxStatus } from "./status.ts";
