export { type DomainEvent, encodeEvent } from "./event.ts";
export { Relay, type RelayOptions, refuseSecondLog, SecondLogError } from "./relay.ts";
export { countUnpublished, selectPublished } from "./sql.ts";
