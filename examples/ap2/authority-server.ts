import { once } from "node:events";
import { type IncomingMessage, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parseJson, parseWire, stringifyJson, usd } from "@imprest/core";
import { type Jwks, generateKeyPair } from "@imprest/core/audit";
import {
  type CommitRequest,
  type CommitResponse,
  commitRequestSchema,
  commitResponseSchema,
} from "@imprest/core/models/cycles";
import { evidenceJwk, signEvidence } from "@imprest/cycles/evidence";
import { createEmbeddedAuthority } from "@imprest/embedded";

/** A Cycles authority on this machine that signs evidence of its commits, as a deployed one may. */
export interface AuthorityServer {
  readonly url: string;
  readonly apiKey: string;
  readonly serverId: string;
  /** The published keys that its evidence verifies with. */
  readonly keys: Jwks;
  /** What the ledger has booked, in microcents. */
  spent(): Promise<bigint>;
  /** What it still holds back. */
  reserved(): Promise<bigint>;
  close(): Promise<void>;
}

const tenant = "acme";
const kid = "2026-11";

export async function startAuthority(): Promise<AuthorityServer> {
  const embedded = createEmbeddedAuthority();
  await embedded.createBudget({ scope: { tenant }, allocated: usd("1000") });
  const { key } = await embedded.createApiKey({ tenant });
  const keyPair = await generateKeyPair();
  const envelopes = new Map<string, string>();
  let url = "";

  /** Answers as the embedded authority does, and adds to a commit's answer where its evidence is. */
  async function answer(request: IncomingMessage, body: string): Promise<{ status: number; body: string }> {
    const path = request.url ?? "";
    const envelope = envelopes.get(path);
    if (envelope !== undefined) return { status: 200, body: envelope };
    const headers = Object.entries(request.headers).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    );
    const method = request.method ?? "GET";
    const response = await embedded.handler(
      new Request(`${url}${path}`, { method, headers, ...(body !== "" && { body }) }),
    );
    const text = await response.text();
    const reservationId = /^\/v1\/reservations\/([^/]+)\/commit$/.exec(path)?.[1];
    if (reservationId === undefined || response.status !== 200) return { status: response.status, body: text };
    const commit = { reservation_id: reservationId, request: readCommit(body), response: readAnswer(text) };
    const signed = await signEvidence(
      { issuedAtMs: Date.now(), payload: { commit } },
      { serverId: `${url}/v1`, keyPair, kid },
    );
    const evidence_id = signed.evidenceId;
    envelopes.set(`/evidence/${evidence_id}`, signed.text);
    const evidence = { evidence_id, cycles_evidence_url: `${url}/evidence/${evidence_id}` };
    return { status: 200, body: stringifyJson({ ...readAnswer(text), cycles_evidence: evidence }) };
  }

  const server = createServer((request, response) => {
    void readText(request)
      .then((body) => answer(request, body))
      .then(({ status, body }) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(body);
      });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const budget = () => embedded.getBudget({ scope: { tenant }, unit: "USD_MICROCENTS" });
  return {
    url,
    apiKey: key,
    serverId: `${url}/v1`,
    keys: { keys: [evidenceJwk(keyPair.publicKey, kid, { notBeforeMs: 0 })] },
    spent: async () => (await budget()).spent,
    reserved: async () => (await budget()).reserved,
    async close() {
      server.closeAllConnections();
      server.close();
      await embedded.close();
    },
  };
}

function readCommit(text: string): CommitRequest {
  return parseWire(commitRequestSchema, parseJson(text), "commit");
}

function readAnswer(text: string): CommitResponse {
  return parseWire(commitResponseSchema, parseJson(text), "answer");
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
