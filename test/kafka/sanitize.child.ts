/**
 * Every path of producer, consumer, admin and close on the mock cluster, for a sanitised or a watched librdkafka:
 *   RDK=<library> bun test/kafka/sanitize.child.ts                                    plain
 *   LD_PRELOAD=$(gcc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=1:handle_segv=0:allow_user_segv_handler=1 …
 *     with a library built by CFLAGS="-fsanitize=address -g" LDFLAGS=-fsanitize=address ./configure && make -C src;
 *     LSan's check at exit does not run under Bun, so it is called by hand
 *   JSC_useJIT=0 valgrind --smc-check=all-non-file …
 */
import { dlopen, FFIType } from "bun:ffi";
import { Admin, Consumer, KafkaError, loadLibrary, Producer } from "../../src/kafka/index.ts";
import { MockCluster } from "../../src/kafka/mock.ts";

const library = loadLibrary({ path: process.env.RDK });
const COUNT = Number(process.env.COUNT ?? 2_000);

async function read(consumer: Consumer, count: number): Promise<void> {
  let seen = 0;
  for await (const batch of consumer.batches({ maxSize: 77 })) {
    seen += batch.length;
    if (seen >= count) return;
  }
}

function message(i: number) {
  const headers = i % 3 ? { a: "1", none: null, many: ["x", new Uint8Array(5_000)] } : undefined;
  return { key: i % 7 ? `k${i}` : null, value: i % 11 ? "x".repeat(i % 3_000) : null, headers };
}

async function round(n: number): Promise<void> {
  const mock = new MockCluster(library);
  mock.createTopic("t", 3);
  const common = { library, "bootstrap.servers": mock.brokers, onError: () => undefined };
  const limited = { "queue.buffering.max.messages": 500, "statistics.interval.ms": 20, onStatistics: () => undefined };
  const producer = new Producer({ ...common, ...limited, "enable.idempotence": n % 2 === 0 });
  const consumer = new Consumer({ ...common, "group.id": "g", "fetch.wait.max.ms": 10 });
  const admin = new Admin(common);
  await admin.fetchTopicMetadata({ topics: ["t"] });
  await consumer.assignTail("t", 0);
  const reading = read(consumer, COUNT);
  const sent = await producer.sendBatch(
    "t",
    Array.from({ length: COUNT }, (_, i) => message(i)),
  );
  for (const result of sent) if (result instanceof KafkaError) throw result;
  await reading;
  await producer.sendBatch("t", [{ value: "x".repeat(2e6) }, { value: "y", partition: 9 }, { value: "ok" }]);
  consumer.seek({ topic: "t", partition: 0, offset: 0 });
  consumer.pause();
  consumer.resume();
  consumer.lag();
  await consumer.commitOffsets();
  consumer.assign([{ topic: "t", partition: 0, offset: 99_999 }]);
  await read(consumer, 1).catch(() => undefined);
  mock.down(1);
  const late = producer.sendBatch(
    "t",
    Array.from({ length: 900 }, () => ({ value: "late", headers: { a: "b" } })),
  );
  await Promise.all([producer.close(50), late, consumer.close(), admin.close()]);
  await mock.close();
}

for (let n = 0; n < Number(process.env.ROUNDS ?? 5); n++) await round(n);
if (process.env.LD_PRELOAD?.includes("asan")) {
  const check = { __lsan_do_recoverable_leak_check: { args: [], returns: FFIType.i32 } } as const;
  const leaks = dlopen(process.env.LD_PRELOAD, check).symbols.__lsan_do_recoverable_leak_check();
  process.stdout.write(`leaks: ${leaks}\n`);
}
process.stdout.write("done\n");
