import { expect, test } from "bun:test";
import { Slots } from "./slots.ts";

test("no more are at work than there are places, and the others follow in the order in which they came", async () => {
  const slots = new Slots(2);
  const began: number[] = [];
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const all = gates.map((gate, i) =>
    slots.use(async () => {
      began.push(i);
      await gate.promise;
    }),
  );
  expect(began).toEqual([0, 1]);
  expect(slots.waiting).toBe(3);
  gates[1]?.resolve();
  await all[1];
  expect(began).toEqual([0, 1, 2]);
  // One that fails leaves its place too.
  gates[0]?.reject(new Error("failed"));
  await expect(all[0] ?? Promise.resolve()).rejects.toThrow("failed");
  expect(began).toEqual([0, 1, 2, 3]);
  for (const gate of gates) gate.resolve();
  await Promise.all(all.slice(1));
  expect(began).toEqual([0, 1, 2, 3, 4]);
  expect(slots.waiting).toBe(0);
});
