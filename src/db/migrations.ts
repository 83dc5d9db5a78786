import migration0001 from "../../sql/0001_init.sql" with { type: "text" };
import migration0002 from "../../sql/0002_outbox_relay.sql" with { type: "text" };
import migration0003 from "../../sql/0003_crm.sql" with { type: "text" };
import appendChange from "../../sql/functions/append_change.sql" with { type: "text" };
import appendEvent from "../../sql/functions/append_event.sql" with { type: "text" };
import beginWrite from "../../sql/functions/begin_write.sql" with { type: "text" };
import changeJob from "../../sql/functions/change_job.sql" with { type: "text" };
import checkJob from "../../sql/functions/check_job.sql" with { type: "text" };
import checkVersion from "../../sql/functions/check_version.sql" with { type: "text" };
import createJob from "../../sql/functions/create_job.sql" with { type: "text" };
import deleteJob from "../../sql/functions/delete_job.sql" with { type: "text" };
import enterTenant from "../../sql/functions/enter_tenant.sql" with { type: "text" };
import finishWrite from "../../sql/functions/finish_write.sql" with { type: "text" };
import getJob from "../../sql/functions/get_job.sql" with { type: "text" };
import jobJson from "../../sql/functions/job_json.sql" with { type: "text" };
import mergePatch from "../../sql/functions/merge_patch.sql" with { type: "text" };
import refuseWrite from "../../sql/functions/refuse_write.sql" with { type: "text" };
import wireFormat from "../../sql/functions/wire_format.sql" with { type: "text" };

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
  { name: "0003_crm.sql", text: migration0003 },
];

/** SQL functions, applied anew whenever their text changes. One that SQL functions name stands before them: their bodies are checked at once. */
export const FUNCTIONS: readonly SqlFile[] = [
  { name: "enter_tenant.sql", text: enterTenant },
  { name: "begin_write.sql", text: beginWrite },
  { name: "finish_write.sql", text: finishWrite },
  { name: "refuse_write.sql", text: refuseWrite },
  { name: "append_event.sql", text: appendEvent },
  { name: "append_change.sql", text: appendChange },
  { name: "wire_format.sql", text: wireFormat },
  { name: "check_version.sql", text: checkVersion },
  { name: "merge_patch.sql", text: mergePatch },
  { name: "job_json.sql", text: jobJson },
  { name: "check_job.sql", text: checkJob },
  { name: "create_job.sql", text: createJob },
  { name: "change_job.sql", text: changeJob },
  { name: "delete_job.sql", text: deleteJob },
  { name: "get_job.sql", text: getJob },
];
