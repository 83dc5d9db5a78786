/** Preload of `bun test`: in Bun 1.4.5 its afterAll runs once, after the last file, of each worker where there are several. */
import { afterAll } from "bun:test";
import { stopTestServer } from "./support/postgres.ts";

afterAll(stopTestServer, 30_000);
