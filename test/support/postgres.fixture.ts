/** A test file that fails and drops nothing: postgres.test.ts looks at what is left when it is over. */
import { expect, test } from "bun:test";
import { testDatabase } from "./postgres.ts";

test("fails", async () => {
  const { sql } = await testDatabase();
  const [row] = await sql<{ folder: string }[]>`select current_setting('data_directory') as folder`;
  process.stdout.write(`folder: ${row?.folder.replace(/\/postgres$/, "")} \n`);
  if (process.env.STAY) await new Promise(() => setInterval(() => {}, 60_000));
  expect("it").toBe("failing");
}, 30_000);
