import { existsSync, readFileSync, readdirSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Shape, parseJson, parseWire } from "../../../src/internal.ts";
import { arcpEnvelope, clientMessages, eventBodies, runtimeMessages } from "../../../src/models/arcp/index.ts";

const shapes = Object.entries({
  envelope: arcpEnvelope,
  ...clientMessages,
  ...runtimeMessages,
  ...Object.fromEntries(Object.entries(eventBodies).map(([kind, shape]) => [`body of ${kind}`, shape])),
}) as [string, Shape<object>][];

/** A value that fits a shape, made from its parts: what a well-behaved peer sends. */
function sample(shape: Shape<unknown>): unknown {
  const { parts } = shape;
  switch (parts.kind) {
    case "object":
      return Object.fromEntries(Object.entries(parts.members).map(([name, member]) => [name, sample(member)]));
    case "optional":
      return sample(parts.inner);
    case "list":
      return [sample(parts.item)];
    case "record":
      return { some: sample(parts.item) };
    case "union":
      return sample(parts.options[0] as Shape<unknown>);
    case "leaf": {
      const { type, enum: words, pattern } = parts.schema;
      if (words !== undefined) return words[0];
      if (pattern !== undefined) return "0af7651916cd43dd8448eb211c80319c";
      const [first] = [type].flat();
      const samples = { string: "x", integer: 1, number: 1, boolean: true, object: {}, array: [], null: null };
      return samples[first ?? "string"];
    }
    default:
      throw new Error(`no sample of a ${parts.kind}`);
  }
}

function optionalNames(shape: Shape<object>): string[] {
  if (shape.parts.kind !== "object") return [];
  // `null` is a value where anything may stand.
  return Object.entries(shape.parts.members).flatMap(([name, { parts }]) =>
    parts.kind === "optional" && parts.isAbsent(null) ? [name] : [],
  );
}

describe("the messages of ARCP", () => {
  it.each(shapes)("%s: `null` and absent are the same for each optional member", (_name, shape) => {
    const whole = sample(shape) as Record<string, unknown>;
    expect(shape.safeParse(whole)).toMatchObject({ success: true });
    for (const name of optionalNames(shape)) {
      const { [name]: _left, ...without } = whole;
      const expected = shape.safeParse(without);
      expect(expected).toMatchObject({ success: true });
      expect(shape.safeParse({ ...without, [name]: null })).toEqual(expected);
    }
  });

  it.each(shapes)("%s: unknown members survive, and what is not written is not made up", (_name, shape) => {
    const whole = { ...(sample(shape) as object), "x-vendor.acme.more": [1] };
    expect(shape.safeParse(whole)).toEqual({ success: true, data: whole });
  });

  it("`null` is a value of input, arguments and results", () => {
    expect(parseWire(clientMessages["job.submit"], { agent: "a", input: null }, "x")).toEqual({
      agent: "a",
      input: null,
    });
    const ended = { final_status: "success", result: null };
    expect(parseWire(runtimeMessages["job.result"], ended, "x")).toEqual(ended);
  });

  it("a metric's value is exact, whatever its size", () => {
    const metric = parseJson('{"name":"cost.work","value":9007199254740993,"unit":"USD"}');
    expect(parseWire(eventBodies.metric, metric, "x").value).toBe(9_007_199_254_740_993n);
    for (const value of ["1", null, Number.NaN]) {
      expect(eventBodies.metric.safeParse({ name: "cost.work", value }).success).toBe(false);
    }
  });

  const nonsense: Readonly<Record<string, () => object>> = {
    "a list of numbers where words are": () => ({
      agent: "a",
      lease_request: { "tool.call": Array.from({ length: 125_000 }, (_, at) => at) },
    }),
    "twenty thousand wrong capabilities": () => ({
      agent: "a",
      lease_request: Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`c${at}`, at])),
    }),
    "names of two hundred thousand characters": () => ({ agent: "a", lease_request: { ["x".repeat(200_000)]: 1 } }),
    "three million items": () => ({ agent: "a", lease_request: { "tool.call": Array(3_000_000).fill(1) } }),
  };
  it.each(Object.entries(nonsense))(
    "%s are refused with twenty issues at most, in few bytes, at once",
    (_name, make) => {
      const value = make();
      // The thread's own time: a busy machine adds nothing to it.
      const before = process.threadCpuUsage();
      const refusal = (() => {
        try {
          parseWire(clientMessages["job.submit"], value, "job.submit");
        } catch (error) {
          return error as Error & { readonly issues: readonly unknown[] };
        }
        return undefined;
      })();
      const { user, system } = process.threadCpuUsage(before);
      expect(refusal?.issues.length).toBeLessThanOrEqual(20);
      expect(JSON.stringify([refusal?.message, refusal?.issues]).length).toBeLessThan(8192);
      expect((user + system) / 1_000).toBeLessThan(50);
    },
  );

  it("law: no value throws, and what is read is read again as the same", () => {
    fc.assert(
      fc.property(fc.constantFrom(...shapes), fc.jsonValue(), fc.nat(), ([, shape], value, at) => {
        const whole = sample(shape) as Record<string, unknown>;
        const names = Object.keys(whole);
        const changed = { ...whole, [names[at % names.length] ?? "x"]: value };
        const result = shape.safeParse(changed);
        if (result.success) expect(shape.safeParse(result.data)).toEqual(result);
      }),
      { numRuns: 2000 },
    );
  });
});

const folder = new URL("../../../../../../shared/conformance/arcp/transcripts/", import.meta.url);

describe.skipIf(!existsSync(folder))("the recorded transcripts", () => {
  /** What the recording sends to see it refused (transcript 33). */
  const known = new Set(["job.submit /agent: must be text"]);
  it("are read by the models, frame by frame", () => {
    let read = 0;
    const refused = new Map<string, string>();
    for (const name of readdirSync(folder).filter((file) => file.endsWith(".jsonl") && !file.startsWith("INDEX"))) {
      for (const line of readFileSync(new URL(name, folder), "utf8").trim().split("\n")) {
        const { dir, frame } = JSON.parse(line) as { dir: string; frame: { type: string; payload: unknown } };
        const messages: Readonly<Record<string, Shape<unknown>>> = dir === "c2r" ? clientMessages : runtimeMessages;
        const shape = typeof frame.type === "string" ? messages[frame.type] : undefined;
        if (shape === undefined) continue;
        const result = shape.safeParse(frame.payload);
        read++;
        if (result.success) continue;
        const [issue] = result.error.issues;
        refused.set(`${frame.type} /${issue?.path.join("/")}: ${issue?.message}`, name);
      }
    }
    expect(read).toBeGreaterThan(500);
    expect([...refused.keys()].filter((one) => !known.has(one))).toEqual([]);
  });
});
