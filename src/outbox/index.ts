export { type DomainEvent, encodeEvent } from "./event.ts";
export { Relay, type RelayOptions } from "./relay.ts";
export { countUnpublished, selectPublished } from "./sql.ts";
