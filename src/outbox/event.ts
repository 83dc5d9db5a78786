/** A change of one entity, as it goes to the log and to every client; `version` is the entity's after the change. */
export interface DomainEvent {
  /** UUID version 7: a consumer that keeps it sees each event once. */
  readonly eventId: string;
  /** Such as `JobCreated`. */
  readonly eventType: string;
  readonly tenantId: string;
  /** Such as `Job`. */
  readonly aggregateType: string;
  readonly aggregateId: string;
  readonly version: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly occurredAt: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The event as JSON text, keys in the order of the wire format: encoded here once and passed on as it is from then on. */
export function encodeEvent(event: DomainEvent): string {
  const { eventId, eventType, tenantId, aggregateType, aggregateId, version, occurredAt, data } = event;
  return JSON.stringify({ eventId, eventType, tenantId, aggregateType, aggregateId, version, occurredAt, data });
}
