import { describe, expect, test } from "bun:test";
import { type Finding, ProbeBoard, Progress } from "./probes.ts";

const up: Finding = { up: true, detail: "" };
const down: Finding = { up: false, detail: "put out" };

describe("the board", () => {
  test("remembers since when a part is down, and forgets it when it is back", async () => {
    let now = 0;
    let broker = up;
    const board = new ProbeBoard({ broker: async () => broker }, () => now);
    expect(await board.look()).toBe(true);
    expect(await board.look()).toBe(false);
    broker = down;
    expect(await board.look()).toBe(true);
    now = 2_500;
    await board.look();
    expect(board.states.broker).toEqual({ up: false, detail: "put out", downSeconds: 2.5 });
    broker = up;
    expect(await board.look()).toBe(true);
    expect(board.states.broker?.downSeconds).toBe(0);
  });

  test("tells nothing of what depends on a part that is down", async () => {
    const board = new ProbeBoard({ broker: async () => down, topic: async () => down, relay: async () => down });
    await board.look();
    expect(board.states.topic).toMatchObject({ up: null, detail: "cannot be told: no broker" });
    expect(board.states.relay).toMatchObject({ up: null });
    expect(board.states.stream).toBeUndefined();
  });

  test("takes a probe that rejects for down, with its reason", async () => {
    const board = new ProbeBoard({ database: () => Promise.reject(new Error("no route")) });
    await board.look();
    expect(board.states.database).toMatchObject({ up: false, detail: "no route" });
  });

  test("takes a probe that hangs for down, asks it no second time, and hears it when it answers at last", async () => {
    let asked = 0;
    const { promise, resolve } = Promise.withResolvers<Finding>();
    const board = new ProbeBoard({
      database: () => {
        asked++;
        return asked === 1 ? promise : Promise.resolve(up);
      },
    });
    await board.look();
    await board.look();
    expect(asked).toBe(1);
    expect(board.states.database).toMatchObject({ up: false, detail: "no answer within 1 s" });
    resolve(up);
    await board.look();
    await board.look();
    expect(board.states.database?.up).toBe(true);
    expect(asked).toBe(2);
  });

  test("says that a part is back only by a look that began afterwards", async () => {
    let broker = up;
    const board = new ProbeBoard({ broker: async () => broker });
    await board.look();
    let isBack: boolean | undefined;
    const waiting = board.recovers("broker", 60_000, new AbortController().signal).then((result) => {
      isBack = result;
    });
    await board.look();
    await Promise.resolve();
    // This look may have been under way when the action ended.
    expect(isBack).toBeUndefined();
    broker = down;
    await board.look();
    expect(isBack).toBeUndefined();
    broker = up;
    await board.look();
    await waiting;
    expect(isBack).toBe(true);
  });

  test("waits for a part no longer than it is told to", async () => {
    const board = new ProbeBoard({ broker: async () => down });
    await board.look();
    expect(await board.recovers("broker", 20, new AbortController().signal)).toBe(false);
    expect(await board.recovers("broker", 60_000, AbortSignal.abort())).toBe(false);
  });
});

test("progress stands still while the same thing is the first that waits, and not while nothing does", () => {
  const progress = new Progress();
  expect(progress.look("1", 0)).toBe(0);
  expect(progress.look("1", 900)).toBe(900);
  expect(progress.look("2", 1_000)).toBe(0);
  expect(progress.look(undefined, 5_000)).toBe(0);
  expect(progress.look("2", 9_000)).toBe(0);
  expect(progress.look("2", 9_500)).toBe(500);
});
