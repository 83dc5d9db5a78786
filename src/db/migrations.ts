import migration0001 from "../../sql/0001_init.sql" with { type: "text" };
import migration0002 from "../../sql/0002_outbox_relay.sql" with { type: "text" };
import appendEvent from "../../sql/functions/append_event.sql" with { type: "text" };
import beginWrite from "../../sql/functions/begin_write.sql" with { type: "text" };
import createJob from "../../sql/functions/create_job.sql" with { type: "text" };
import enterTenant from "../../sql/functions/enter_tenant.sql" with { type: "text" };
import finishWrite from "../../sql/functions/finish_write.sql" with { type: "text" };

/** A file of `sql/`: its name without the folder and its text. */
export interface SqlFile {
  readonly name: string;
  readonly text: string;
}

/**
 * The files of `sql/`, imported as text so that a compiled binary carries them and `bun --watch` sees a change.
 * A test compares this list with the folder.
 */
export const MIGRATIONS: readonly SqlFile[] = [
  { name: "0001_init.sql", text: migration0001 },
  { name: "0002_outbox_relay.sql", text: migration0002 },
];

/** SQL functions, applied anew whenever their text changes. A type that another one uses stands before it. */
export const FUNCTIONS: readonly SqlFile[] = [
  { name: "enter_tenant.sql", text: enterTenant },
  { name: "begin_write.sql", text: beginWrite },
  { name: "finish_write.sql", text: finishWrite },
  { name: "append_event.sql", text: appendEvent },
  { name: "create_job.sql", text: createJob },
];
