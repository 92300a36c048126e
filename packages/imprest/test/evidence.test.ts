import { readFileSync, readdirSync, existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { usd } from "@imprest/core";
import { generateKeyPair } from "@imprest/core/audit";
import { evidenceJwk, signEvidence } from "@imprest/cycles/evidence";
import { describe, expect, it } from "vitest";
import { imprest } from "./support.ts";

const serverId = "https://authority.example.com/v1";
const kid = "2026-11";

async function signedLines(count: number) {
  const keyPair = await generateKeyPair();
  const lines: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const request = {
      estimate: usd("0.01"),
      idempotency_key: `k${at}`,
      subject: { tenant: "acme" },
      action: { kind: "llm", name: "m" },
    };
    const response = { decision: "ALLOW", affected_scopes: ["tenant:acme"] };
    const payload = { decide: { request, response } } as unknown as Parameters<typeof signEvidence>[0]["payload"];
    lines.push((await signEvidence({ payload, issuedAtMs: 1_800_000_000_000 + at }, { serverId, keyPair, kid })).text);
  }
  const jwk = evidenceJwk(keyPair.publicKey, kid, { notBeforeMs: 1_700_000_000_000 });
  return { lines, jwks: JSON.stringify({ keys: [jwk] }) };
}

describe("imprest evidence", () => {
  it("exits 0 when every envelope is authentic under the given keys, fetching nothing", async () => {
    const { lines, jwks } = await signedLines(5);
    const files = { "in.ndjson": `${lines.join("\n")}\n`, "keys.json": jwks };
    const ran = await imprest(["evidence", "in.ndjson", "--jwks", `${serverId}=keys.json`], { files });
    expect(ran).toMatchObject({ code: 0, out: "", err: "5 envelopes: 5 authentic; all accepted.\n" });
  });

  it("names the line and the reason of each envelope that is not, and exits 1", async () => {
    const { lines, jwks } = await signedLines(4);
    const tampered = [lines[0], lines[1]?.replace('"k1"', '"k9"'), "{", lines[3]].join("\n");
    const files = { "in.ndjson": tampered, "keys.json": jwks };
    const ran = await imprest(["evidence", "in.ndjson", "--jwks", `${serverId}=keys.json`], { files });
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(
      /^line 2: signature_invalid\n {2}evidence_id_mismatch at \/evidence_id: .*\nline 3: signature_invalid\n/,
    );
    expect(ran.err).toContain("4 envelopes: 2 authentic, 2 signature_invalid; 2 not accepted.");
  });

  it("takes the keys of one server out of several files, and refuses two that differ about a kid", async () => {
    const { lines, jwks } = await signedLines(2);
    const other = await signedLines(1);
    const [key] = (JSON.parse(other.jwks) as { readonly keys: readonly object[] }).keys;
    const files = {
      in: lines.join("\n"),
      keys: jwks,
      archived: JSON.stringify({ keys: [{ ...key, kid: "2025-11" }] }),
      wrong: other.jwks,
    };
    const run = (...paths: string[]) =>
      imprest(["evidence", "in", ...paths.flatMap((path) => ["--jwks", `${serverId}=${path}`])], { files });
    expect(await run("keys", "archived")).toMatchObject({ code: 0, out: "" });
    expect(await run("archived", "keys")).toMatchObject({ code: 0, out: "" });
    expect(await run("keys", "wrong")).toMatchObject({
      code: 2,
      err: expect.stringContaining("keys and wrong differ"),
    });
  });

  it("--format json: one report a line, the good ones included", async () => {
    const { lines, jwks } = await signedLines(2);
    const files = { "-": lines.join("\n"), "keys.json": jwks };
    const ran = await imprest(["evidence", "-", "--jwks", `${serverId}=keys.json`, "--format", "json"], { files });
    const reports = ran.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { line: number; accepted: boolean });
    expect(reports).toMatchObject([
      { line: 1, accepted: true, disposition: "authentic" },
      { line: 2, accepted: true },
    ]);
  });

  it("without keys a signer cannot be established, and a valid signature alone is not enough", async () => {
    const { lines } = await signedLines(1);
    const ran = await imprest(["evidence", "in"], { files: { in: lines.join("\n") } });
    expect(ran).toMatchObject({ code: 1, out: expect.stringContaining("signer_resolution_failed") });
  });

  const fixtures = resolve(import.meta.dirname, "../../../../shared/conformance/cycles/evidence");
  it.skipIf(!existsSync(fixtures) && !process.env["CI"])(
    "takes the protocol's own envelopes with --bindings (data beside the checkout; CI has it)",
    async () => {
      const text = readdirSync(fixtures)
        .map((name) => readFileSync(join(fixtures, name), "utf8"))
        .join("");
      expect(await imprest(["evidence", "in", "--bindings"], { files: { in: text } })).toMatchObject({ code: 0 });
      expect(await imprest(["evidence", "in"], { files: { in: text } })).toMatchObject({ code: 1 });
    },
  );

  it.each<[string, string[], Record<string, string>, string]>([
    ["no file named", [], {}, "Name a file"],
    ["a file that is not there", ["gone.ndjson"], {}, "ENOENT"],
    ["an empty file", ["in"], { in: "\n\n" }, "holds no envelope"],
    ["keys that are not JSON", ["in", "--jwks", `${serverId}=k`], { in: "{}", k: "{" }, "k is not JSON"],
    [
      "keys with a member twice",
      ["in", "--jwks", `${serverId}=k`],
      { in: "{}", k: '{"keys":[],"keys":[]}' },
      "k is not JSON",
    ],
    ["keys for no server", ["in", "--jwks", "k"], { in: "{}", k: "{}" }, "SERVER_ID=FILE"],
    ["an origin that is not https", ["in", "--trust", "http://host"], { in: "{}" }, "https"],
    ["an unknown option", ["in", "--nope"], { in: "{}" }, "--nope"],
    ["one argument too many", ["in", "out"], { in: "{}" }, "one argument too many"],
    ["an unknown format", ["in", "--format", "xml"], { in: "{}" }, '"text" or "json"'],
  ])("exits 2 and says what to do: %s", async (_name, args, files, message) => {
    const ran = await imprest(["evidence", ...args], { files });
    expect(ran).toMatchObject({ code: 2, out: "", err: expect.stringContaining(message) });
  });

  it("reads a feed of any length in bounded memory, showing progress on a terminal", async () => {
    const { lines } = await signedLines(1);
    const line = new TextEncoder().encode(`${lines[0]}\n`);
    async function* feed(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < 3_000; at += 1) yield line;
    }
    const ran = await imprest(["evidence", "in", "--format", "json"], { files: { in: feed() }, interactive: true });
    expect(ran.err).toContain("3000 envelopes");
    expect(ran.out.split("\n")).toHaveLength(3_001);
  });
});

describe("imprest", () => {
  it("lists its commands, each with help that fits a screen", async () => {
    const { out } = await imprest(["help"]);
    const names = [...out.matchAll(/^ {2}(\w+) /gm)].map(([, name = ""]) => name);
    expect(names).toEqual(expect.arrayContaining(["serve", "evidence", "balance", "doctor"]));
    for (const name of names) {
      const ran = await imprest([name, "--help"]);
      expect(ran.code).toBe(0);
      expect(ran.out.split("\n").length).toBeLessThan(30);
      for (const line of ran.out.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
    }
  });

  it("exits 2 for no command and for an unknown one", async () => {
    expect(await imprest([])).toMatchObject({ code: 2, out: expect.stringContaining("Usage") });
    expect(await imprest(["frobnicate"])).toMatchObject({ code: 2, err: expect.stringContaining("imprest help") });
  });
});
