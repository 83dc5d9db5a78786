export { type DomainEvent, encodeEvent } from "./event.ts";
export { Relay, type RelayOptions, refuseSecondLog, SecondLogError } from "./relay.ts";
export { countUnpublished, selectNextOffsets, selectPublished } from "./sql.ts";
