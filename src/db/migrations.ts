import migration0001 from "../../sql/0001_init.sql" with { type: "text" };
import migration0002 from "../../sql/0002_outbox_relay.sql" with { type: "text" };
import migration0003 from "../../sql/0003_crm.sql" with { type: "text" };
import migration0004 from "../../sql/0004_autoheal.sql" with { type: "text" };
import migration0005 from "../../sql/0005_autoheal_finished.sql" with { type: "text" };
import migration0006 from "../../sql/0006_outbox_event_ids.sql" with { type: "text" };
import migration0007 from "../../sql/0007_plans.sql" with { type: "text" };
import accountJson from "../../sql/functions/account_json.sql" with { type: "text" };
import appendChange from "../../sql/functions/append_change.sql" with { type: "text" };
import beginWrite from "../../sql/functions/begin_write.sql" with { type: "text" };
import changeAccount from "../../sql/functions/change_account.sql" with { type: "text" };
import changeContact from "../../sql/functions/change_contact.sql" with { type: "text" };
import changeJob from "../../sql/functions/change_job.sql" with { type: "text" };
import checkContact from "../../sql/functions/check_contact.sql" with { type: "text" };
import checkJob from "../../sql/functions/check_job.sql" with { type: "text" };
import checkVersion from "../../sql/functions/check_version.sql" with { type: "text" };
import contactJson from "../../sql/functions/contact_json.sql" with { type: "text" };
import createAccount from "../../sql/functions/create_account.sql" with { type: "text" };
import createContact from "../../sql/functions/create_contact.sql" with { type: "text" };
import createJob from "../../sql/functions/create_job.sql" with { type: "text" };
import createJobEach from "../../sql/functions/create_job_each.sql" with { type: "text" };
import createPlainJobs from "../../sql/functions/create_plain_jobs.sql" with { type: "text" };
import deleteAccount from "../../sql/functions/delete_account.sql" with { type: "text" };
import deleteContact from "../../sql/functions/delete_contact.sql" with { type: "text" };
import deleteJob from "../../sql/functions/delete_job.sql" with { type: "text" };
import describeUse from "../../sql/functions/describe_use.sql" with { type: "text" };
import enterTenant from "../../sql/functions/enter_tenant.sql" with { type: "text" };
import findMatches from "../../sql/functions/find_matches.sql" with { type: "text" };
import finishWrite from "../../sql/functions/finish_write.sql" with { type: "text" };
import getAccount from "../../sql/functions/get_account.sql" with { type: "text" };
import getContact from "../../sql/functions/get_contact.sql" with { type: "text" };
import getJobEach from "../../sql/functions/get_job_each.sql" with { type: "text" };
import jobJson from "../../sql/functions/job_json.sql" with { type: "text" };
import listAccounts from "../../sql/functions/list_accounts.sql" with { type: "text" };
import listContacts from "../../sql/functions/list_contacts.sql" with { type: "text" };
import listEvents from "../../sql/functions/list_events.sql" with { type: "text" };
import listJobs from "../../sql/functions/list_jobs.sql" with { type: "text" };
import listPage from "../../sql/functions/list_page.sql" with { type: "text" };
import mergePatch from "../../sql/functions/merge_patch.sql" with { type: "text" };
import patchedAccount from "../../sql/functions/patched_account.sql" with { type: "text" };
import refuseWrite from "../../sql/functions/refuse_write.sql" with { type: "text" };
import searchCondition from "../../sql/functions/search_condition.sql" with { type: "text" };
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
  { name: "0004_autoheal.sql", text: migration0004 },
  { name: "0005_autoheal_finished.sql", text: migration0005 },
  { name: "0006_outbox_event_ids.sql", text: migration0006 },
  { name: "0007_plans.sql", text: migration0007 },
];

/** SQL functions, applied anew whenever their text changes. One that SQL functions name stands before them: their bodies are checked at once. */
export const FUNCTIONS: readonly SqlFile[] = [
  { name: "enter_tenant.sql", text: enterTenant },
  { name: "begin_write.sql", text: beginWrite },
  { name: "finish_write.sql", text: finishWrite },
  { name: "refuse_write.sql", text: refuseWrite },
  { name: "wire_format.sql", text: wireFormat },
  { name: "append_change.sql", text: appendChange },
  { name: "check_version.sql", text: checkVersion },
  { name: "merge_patch.sql", text: mergePatch },
  { name: "describe_use.sql", text: describeUse },
  { name: "job_json.sql", text: jobJson },
  { name: "check_job.sql", text: checkJob },
  { name: "create_job.sql", text: createJob },
  { name: "create_plain_jobs.sql", text: createPlainJobs },
  { name: "create_job_each.sql", text: createJobEach },
  { name: "change_job.sql", text: changeJob },
  { name: "delete_job.sql", text: deleteJob },
  { name: "get_job_each.sql", text: getJobEach },
  { name: "account_json.sql", text: accountJson },
  { name: "patched_account.sql", text: patchedAccount },
  { name: "create_account.sql", text: createAccount },
  { name: "change_account.sql", text: changeAccount },
  { name: "delete_account.sql", text: deleteAccount },
  { name: "get_account.sql", text: getAccount },
  { name: "contact_json.sql", text: contactJson },
  { name: "check_contact.sql", text: checkContact },
  { name: "create_contact.sql", text: createContact },
  { name: "change_contact.sql", text: changeContact },
  { name: "delete_contact.sql", text: deleteContact },
  { name: "get_contact.sql", text: getContact },
  { name: "find_matches.sql", text: findMatches },
  { name: "search_condition.sql", text: searchCondition },
  { name: "list_page.sql", text: listPage },
  { name: "list_jobs.sql", text: listJobs },
  { name: "list_accounts.sql", text: listAccounts },
  { name: "list_contacts.sql", text: listContacts },
  { name: "list_events.sql", text: listEvents },
];
