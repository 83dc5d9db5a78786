/** GET by id through the full stack, with and without a bearer token. */
import { identity, TENANT_A } from "../harness/issuer.ts";
import { request, runLoad } from "../harness/load.ts";
import type { Question } from "../harness/question.ts";

const CLIENTS = 16;
const WINDOW_S = 4;
const JOBS = 1_000;

export const reads: Question = {
  name: "reads",
  asks: "How many jobs a second are read by their ids through the full stack?",
  needs: [],
  async measure(bench) {
    const database = await bench.database();
    const { env, headers } = await identity(bench);
    const start = async (settings: Readonly<Record<string, string>>, more: Readonly<Record<string, string>>) => {
      const { url, sql } = await database.create();
      const server = await bench.server({ DATABASE_URL: url, ...settings });
      const rows = await sql<{ id: string }[]>`
        insert into jobs (tenant_id, id, version, title, status, created_at, updated_at)
        select ${TENANT_A}, gen_random_uuid(), 1, 'Replace compressor, rooftop unit ' || n, 'Open', now(), now()
        from generate_series(1, ${JOBS}::int) n returning id`;
      await sql`vacuum analyze jobs`;
      const requests = rows.map(({ id }) =>
        request("GET", `/api/crm/jobs/${id}`, { "X-Tenant-Id": TENANT_A, ...more }),
      );
      return async (during: string) => {
        const done = bench.watch(during, { server: server.process.pid, PostgreSQL: database.pid });
        const load = { url: server.url, connections: CLIENTS, seconds: bench.seconds(WINDOW_S), requests };
        const result = await runLoad(load);
        const used = done();
        bench.used(during, "client", result.cores, result.peakMb);
        const micros = (cpuSeconds: number) => (1e6 * cpuSeconds) / result.answers;
        return { ...result, serverMicros: micros(used.server), databaseMicros: micros(used.PostgreSQL) };
      };
    };
    const open = await start({}, {});
    const closed = await start(env, headers);
    const taken = await bench.inTurn({
      GET: () => open("GET by id"),
      "with a token": () => closed("GET with a token"),
    });
    bench.figure({
      what: `GET by id, ${CLIENTS} connections`,
      unit: "1/s",
      values: taken.of("GET", "perSecond"),
      bar: { atLeast: 8_000 },
    });
    bench.figure({ what: "… p99", unit: "ms", values: taken.of("GET", "p99"), digits: 1 });
    bench.figure({ what: "GET by id with a bearer token", unit: "1/s", values: taken.of("with a token", "perSecond") });
    bench.figure({ what: "CPU for one GET: the server", unit: "µs", values: taken.of("GET", "serverMicros") });
    bench.figure({ what: "CPU for one GET: PostgreSQL", unit: "µs", values: taken.of("GET", "databaseMicros") });
    const failed = [...taken.of("GET", "failed"), ...taken.of("with a token", "failed")];
    bench.figure({
      what: "answers that were no 2xx",
      unit: "",
      values: [failed.reduce((a, b) => a + b, 0)],
      bar: { atMost: 0 },
    });
  },
};
