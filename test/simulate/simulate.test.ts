import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Chance } from "../fuzz/mutate.ts";
import { callParts } from "./calls/part.ts";
import type { Part } from "./part.ts";
import { payments } from "./payments/part.ts";
import { plantedFaults } from "./planted.ts";
import { watchWebCrypto } from "./world.ts";

const parts = [...callParts, payments] as readonly Part<unknown>[];
watchWebCrypto();

it.each(parts)("$name: two runs of one seed are the same, and twenty seeds break no law", async (part) => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const [once, again] = [
      await part.run(part.planOf(new Chance(seed))),
      await part.run(part.planOf(new Chance(seed))),
    ];
    expect(once.breaches).toEqual([]);
    expect(again).toEqual(once);
  }
});

it.each(plantedFaults)("can be put back: $name", ({ file, find }) => {
  const source = readFileSync(new URL(`../../packages/${file}`, import.meta.url), "utf8");
  expect(source.split(find)).toHaveLength(2);
});
