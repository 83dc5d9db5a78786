import postgres from "postgres";
import { within } from "../deadline.ts";
import { addressOf } from "./address.ts";

/** Milliseconds for the handshake, and for the first statement. */
const OPEN_MS = 10_000;

/** One connection that is one server session: what a session advisory lock needs. */
export interface Session {
  readonly sql: postgres.ReservedSql;
  /** False once the connection is gone, and everything that hung on the session with it. It never comes back. */
  readonly isOpen: boolean;
  /** Ends the connection. Safe twice, never throws. */
  close(): Promise<void>;
}

/** What a session tells whoever opened it. */
export interface SessionEvents {
  /** The connection dropped before `close`. */
  onLost(): void;
  /** A notification came on a channel that the session has been told to LISTEN on. */
  onNotification(): void;
}

/**
 * Opens a session of its own beside the pool.
 * @param role role to work as, by SET ROLE
 * @param name what the server shows as the connection's application
 */
export async function openSession(
  url: string,
  role: "aetherlink_relay",
  events: SessionEvents,
  name = "aetherlink-relay",
): Promise<Session> {
  let isOpen = true;
  // postgres.js has this option for its own `listen`, which opens a connection beside ours, and does not declare it.
  const listening = { onnotify: () => events.onNotification() };
  const client = postgres(url, {
    ...addressOf(url),
    ...listening,
    max: 1,
    connect_timeout: OPEN_MS / 1_000,
    fetch_types: false,
    // The pool recycles connections after a while by default; this one must keep its lock.
    max_lifetime: null,
    connection: { application_name: name },
    onnotice: () => {},
    onclose: () => {
      const wasLost = isOpen;
      isOpen = false;
      if (wasLost) events.onLost();
    },
  });
  const close = async () => {
    isOpen = false;
    await client.end({ timeout: 0 }).catch(() => {});
  };
  try {
    const sql = await client.reserve();
    // The driver's own limit ends with the handshake; a server that is frozen after it would be waited for without end.
    const entered = await within(OPEN_MS, sql.unsafe(`set role ${role}`).execute());
    if (entered === "late") throw new Error(`the database did not answer within ${OPEN_MS / 1_000} s`);
    return {
      sql,
      get isOpen() {
        return isOpen;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
