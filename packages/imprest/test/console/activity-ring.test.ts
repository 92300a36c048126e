import fc from "fast-check";
import { expect, it } from "vitest";
import { ActivityRing } from "../../src/cli/console/activity-ring.ts";
import { reserved } from "./support.ts";

it("remembers the latest 5,000 activities, and says that it forgot the others", () => {
  const ring = new ActivityRing();
  for (let at = 0; at < 12_345; at += 1) ring.add([reserved(`r${at}`)]);
  const { activities, isCut } = ring.list();
  expect([activities.length, activities[0]?.number, activities.at(-1)?.number, isCut]).toEqual([
    5_000,
    7_346,
    12_345,
    true,
  ]);
});

it("remembers at most four megabytes, however long the texts are", () => {
  const ring = new ActivityRing();
  for (let at = 0; at < 3_000; at += 1) ring.add([reserved(`r${at}`, { suggestedFix: "é".repeat(2_000) })]);
  const { activities } = ring.list();
  expect(Buffer.byteLength(JSON.stringify(activities))).toBeLessThan(4_200_000);
  expect(activities.length).toBeGreaterThan(900);
  expect(activities.at(-1)?.number).toBe(3_000);
});

it("resumes exactly after any number that it remembers, and after no other", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9_000 }), fc.integer({ min: -2, max: 9_100 }), (count, after) => {
      const ring = new ActivityRing();
      ring.add(Array.from({ length: count }, (_, at) => reserved(`r${at}`)));
      const isKept = after >= Math.max(0, count - 5_000) && after <= count;
      const numbers = ring.after(after)?.map(({ number }) => number);
      expect(numbers).toEqual(isKept ? Array.from({ length: count - after }, (_, at) => after + 1 + at) : undefined);
    }),
    { numRuns: 40 },
  );
  expect(new ActivityRing().after(0.5)).toBeUndefined();
});
