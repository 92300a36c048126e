import { gzipSync } from "node:zlib";
import { signAuditEvent } from "@imprest/asp/audit";
import { keyPairFromSeed, publicKeyToJwk } from "@imprest/core/audit";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { FeedDesk } from "../../src/explorer/audit/desk.ts";
import { recogniseHead } from "../../src/explorer/audit/form.ts";
import { FindingList } from "../../src/explorer/audit/finding-list.ts";
import { Groups } from "../../src/explorer/audit/groups.ts";
import type { Verification } from "../../src/explorer/audit/messages.ts";

const origin = "https://a.example";
const seed = new Uint8Array(32).fill(9);
const signer = { source: `${origin}/asp`, typePrefix: "org.agentspend", kid: "k1", privateKey: seed };
let keys = "";
let lines: string[] = [];

beforeAll(async () => {
  const { publicKey } = await keyPairFromSeed(seed);
  keys = JSON.stringify({ keys: [publicKeyToJwk(publicKey, "k1")] });
  const denied = { budget_id: "team", unit: "u", amount_atomic_reserved: "1", decision: "DENY" };
  lines = await Promise.all(
    Array.from({ length: 40 }, (_, at) =>
      signAuditEvent("reserve", { decision_id: crypto.randomUUID(), ...denied }, signer, 1_800_000_000_000 + at),
    ),
  );
  lines[7] = lines[7]?.replace("team", "evil") ?? "";
});

function verification(bytes: string | Uint8Array<ArrayBuffer>, more: Partial<Verification> = {}): Verification {
  const feed = { kind: "file", file: new File([bytes], "feed") } as const;
  return {
    feed,
    form: "asp",
    issuers: [origin],
    keys: [{ issuer: origin, name: "k", text: keys }],
    allowLoopbackHttp: false,
    order: "feed",
    ...more,
  };
}

describe.each([
  ["plain", (text: string) => text],
  ["gzipped", (text: string) => new Uint8Array(gzipSync(text))],
])("a %s feed", (_form, stored) => {
  it("is read again line by line as it stands in the file, CRLF and empty lines included", async () => {
    const desk = new FeedDesk(() => {});
    const summary = await desk.verify(verification(stored(lines.join("\r\n\r\n"))));
    expect(summary).toMatchObject({ lines: 40, accepted: 39, dispositions: { authentic: 39, signature_invalid: 1 } });
    const { rows } = await desk.rows("all", 0, 100);
    expect(rows.map(({ line }) => line)).toEqual(lines.map((_, at) => at * 2 + 1));
    for (const [at, { line }] of rows.entries()) {
      expect((await desk.line(line))?.text).toBe(at === 39 ? lines[at] : `${lines[at]}\r`);
    }
    expect((await desk.rows("rejected", 0, 100)).rows.map(({ line }) => line)).toEqual([15]);
  });

  it("gives the same report each time", async () => {
    const desk = new FeedDesk(() => {});
    await desk.verify(verification(stored(lines.join("\n"))));
    const report = await (await desk.report()).text();
    expect(report.trim().split("\n")).toHaveLength(41);
    expect(await (await desk.report()).text()).toBe(report);
  });
});

it("a verification that is stopped rejects, and the next one is right", async () => {
  const desk = new FeedDesk(() => {});
  const long = verification(Array.from({ length: 200 }, () => lines.join("\n")).join("\n"));
  const stopped = desk.verify(long);
  const outcome = expect(stopped).rejects.toThrow("Stopped.");
  await desk.stop();
  await outcome;
  expect(await desk.verify(verification(lines.join("\n")))).toMatchObject({ lines: 40, accepted: 39 });
});

it("a report that is stopped rejects, and the next one is whole", async () => {
  const desk = new FeedDesk(() => {});
  const long = Array.from({ length: 200 }, () => lines.join("\n")).join("\n");
  await desk.verify(verification(long));
  const stopped = desk.report();
  const outcome = expect(stopped).rejects.toThrow("Stopped.");
  await desk.stop();
  await outcome;
  const report = await (await desk.report()).text();
  expect(report.trim().split("\n")).toHaveLength(200 * 40 + 1);
});

it("a verification ends the report of the one before it", async () => {
  const desk = new FeedDesk(() => {});
  await desk.verify(verification(Array.from({ length: 200 }, () => lines.join("\n")).join("\n")));
  const outcome = expect(desk.report()).rejects.toThrow("Stopped.");
  expect(await desk.verify(verification(lines.join("\n")))).toMatchObject({ lines: 40, accepted: 39 });
  await outcome;
});

describe("a feed that the command serves", () => {
  const served = { kind: "served", url: "http://127.0.0.1:1/api/feed", name: "feed.gz", size: 1 } as const;
  const answering = (source: UnderlyingDefaultSource<Uint8Array>): void =>
    void vi.stubGlobal("fetch", () => Promise.resolve(new Response(new ReadableStream(source))));
  afterEach(() => vi.unstubAllGlobals());

  it.each([
    ["plain", (text: string) => new TextEncoder().encode(text)],
    ["gzipped", (text: string) => new Uint8Array(gzipSync(text))],
  ])("and that breaks off is not reported as damaged, nor as to be chosen again: %s", async (_form, stored) => {
    const bytes = stored(lines.join("\n"));
    answering({
      start: (controller) => controller.enqueue(bytes.subarray(0, bytes.length / 2)),
      pull: (controller) => controller.error(new TypeError("network error")),
    });
    await expect(new FeedDesk(() => {}).verify(verification("", { feed: served }))).rejects.toThrow(
      "The command that served the feed has ended. Start it again.",
    );
  });

  it("is no longer read once the verification of it is stopped", async () => {
    let isLeft = false;
    answering({
      pull: (controller) => controller.enqueue(new TextEncoder().encode(`${lines.join("\n")}\n`)),
      cancel: () => void (isLeft = true),
    });
    const desk = new FeedDesk(() => {});
    const outcome = expect(desk.verify(verification("", { feed: served }))).rejects.toThrow("Stopped.");
    await desk.stop();
    await outcome;
    await vi.waitFor(() => expect(isLeft).toBe(true));
  });

  it("and that is a damaged gzip is reported as one", async () => {
    const bytes = gzipSync(lines.join("\n")).subarray(0, 100);
    answering({
      start(controller) {
        controller.enqueue(new Uint8Array(bytes));
        controller.close();
      },
    });
    await expect(new FeedDesk(() => {}).verify(verification("", { feed: served }))).rejects.toThrow(
      "feed.gz is a gzip that is cut off or damaged",
    );
  });
});

it("an http: origin of this machine is trusted only where the reader allows it, as the command does", async () => {
  const local = "http://127.0.0.1:7878";
  const given = { issuers: [local], keys: [{ issuer: local, name: "k", text: keys }] };
  const bytes = await signAuditEvent(
    "reserve",
    { decision_id: crypto.randomUUID(), budget_id: "b", unit: "u", amount_atomic_reserved: "1", decision: "DENY" },
    { ...signer, source: `${local}/asp` },
    1_800_000_000_000,
  );
  const desk = new FeedDesk(() => {});
  await expect(desk.verify(verification(bytes, given))).rejects.toThrow("bare HTTPS origins");
  expect(await desk.verify(verification(bytes, { ...given, allowLoopbackHttp: true }))).toMatchObject({ accepted: 1 });
});

it.each<[string, Partial<Verification>, RegExp]>([
  ["an origin that is none", { issuers: ["a.example"] }, /bare HTTPS origins/],
  ["keys of nobody that is trusted", { issuers: ["https://b.example"] }, /https:\/\/a\.example/],
  ["promised events that are none", { promised: '{"verb":"reserve"}' }, /Promised event 1 cannot be used/],
  ["promised events that are no JSON", { promised: "{" }, /promised event 1 is not JSON/],
])("%s end the verification with a sentence", async (_what, more, message) => {
  const desk = new FeedDesk(() => {});
  await expect(desk.verify(verification(lines.join("\n"), more))).rejects.toThrow(message);
});

it("the form of a file is that of its first statement, whatever stands before it", () => {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  expect(recogniseHead(encode(`broken {\n${lines[0]}\n{"a":1}`))).toEqual({ form: "asp", issuers: [origin] });
  expect(recogniseHead(encode('{"schema":"runtime_authority.ap2.payment.v1"}'))).toEqual({
    form: "receipt",
    issuers: [],
  });
  expect(recogniseHead(encode('null\n3\n"type"\n[]'))).toEqual({ form: undefined, issuers: [] });
});

it("findings are bounded in number and length, and every one is counted", () => {
  const list = new FindingList();
  for (let at = 0; at < 5_000; at += 1) {
    const severity = at % 2 === 0 ? "error" : "warning";
    list.add({ kind: "schema", severity, code: `c${at % 700}`, message: "m".repeat(10_000) }, { line: at });
  }
  expect(list.shown).toHaveLength(2_000);
  expect(list.leftOut).toBe(3_000);
  expect(Math.max(...list.shown.map(({ message }) => message.length))).toBe(400);
  expect(list.codes.reduce((sum, { count }) => sum + count, 0)).toBe(5_000);
  expect(list.codes.length).toBeLessThanOrEqual(201);
});

it("a group is found by its id and by its reservation", () => {
  const groups = new Groups();
  const numbers = Array.from({ length: 3_000 }, (_, at) => groups.numberOf(`decision-${at}`));
  for (const [at, number] of numbers.entries()) groups.alias(number, `r-${at}`);
  expect(groups.find("decision-2999")).toEqual([numbers[2_999]]);
  expect(groups.find("r-17")).toContain(numbers[17]);
  expect(groups.find("nothing")).toEqual([]);
});
