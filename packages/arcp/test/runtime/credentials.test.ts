import { describe, expect, it } from "vitest";
import { memoryRecordStore, type RecordStore } from "@imprest/core";
import type { WireCredential } from "@imprest/core/models/arcp";
import type { ArcpTransport } from "../../src/transport/transport.ts";
import type {
  ArcpRuntimeOptions,
  CredentialProvisioner,
  CredentialRequest,
  RevocationRequest,
  UnrevocableCredential,
} from "../../src/runtime/index.ts";
import { createRuntime, RawClient, settle } from "./support.ts";

const lease_request = { "model.use": ["tier-fast/*"], "cost.budget": ["USD:5.00"], "agent.delegate": ["*"] };

/** An upstream that remembers which grants live. */
class Upstream implements CredentialProvisioner {
  readonly requests: CredentialRequest[] = [];
  readonly revoked: RevocationRequest[] = [];
  readonly live = new Set<string>();
  failures = 0;
  value: string | undefined;

  async issue(request: CredentialRequest): Promise<WireCredential[]> {
    this.requests.push(request);
    this.live.add(request.grantId);
    return [
      {
        id: "cred_1",
        scheme: "bearer",
        value: this.value ?? `sk-secret-${this.requests.length}`,
        endpoint: "https://gateway.example.com/v1",
        profile: "openai",
        constraints: { "cost.budget": request.lease["cost.budget"], "model.use": request.lease["model.use"] },
      },
    ];
  }

  async revoke(request: RevocationRequest): Promise<void> {
    if (this.failures > 0) {
      this.failures--;
      throw new Error("upstream down");
    }
    this.revoked.push(request);
    if (request.credentialId === undefined) this.live.delete(request.grantId);
  }
}

function provisioned(options: Partial<ArcpRuntimeOptions> & { records?: RecordStore } = {}): {
  upstream: Upstream;
  records: RecordStore;
  unrevocable: UnrevocableCredential[];
  given: ReturnType<typeof createRuntime>;
} {
  const upstream = new Upstream();
  const unrevocable: UnrevocableCredential[] = [];
  const { records = memoryRecordStore(), ...rest } = options;
  const credentials = {
    provisioner: upstream,
    records,
    onUnrevocable: (credential: UnrevocableCredential) => void unrevocable.push(credential),
  };
  return { upstream, records, unrevocable, given: createRuntime({ credentials, ...rest }) };
}

async function keys(records: RecordStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of records.scan(prefix)) found.push(key);
  return found;
}

const insecure = (transport: ArcpTransport): ArcpTransport => ({
  confidential: false,
  closed: transport.closed,
  send: (text) => transport.send(text),
  close: () => transport.close(),
  onMessage: (listener) => transport.onMessage(listener),
});

describe("provisioned credentials (ARCP §9.8)", () => {
  it("issued with the acceptance, for the submitter only, revoked at the end", async () => {
    const { upstream, records, given } = provisioned({ mayObserve: () => true });
    const { runtime } = given;
    const client = new RawClient(runtime);
    await client.hello();
    const { job_id, payload } = await client.submit({ agent: "wait", lease_request });
    expect(payload["credentials"]).toEqual([
      {
        id: "cred_1",
        scheme: "bearer",
        value: "sk-secret-1",
        endpoint: "https://gateway.example.com/v1",
        profile: "openai",
        constraints: { "cost.budget": ["USD:5.00"], "model.use": ["tier-fast/*"] },
      },
    ]);
    expect(upstream.requests[0]).toMatchObject({ jobId: job_id, principal: "alice", remaining: { USD: 5 } });

    const own = new RawClient(runtime);
    await own.hello();
    own.send("job.subscribe", { job_id });
    expect((await own.nextOf("job.subscribed")).payload["credentials"]).toEqual(payload["credentials"]);
    const bob = new RawClient(runtime);
    await bob.hello({ token: "tok-bob" });
    bob.send("job.subscribe", { job_id, history: true });
    await bob.nextOf("job.subscribed");
    bob.send("session.list_jobs", {});
    await bob.nextOf("session.jobs");
    expect(JSON.stringify(bob.frames)).not.toContain("sk-secret");

    client.send("job.cancel", {}, { job_id });
    await client.nextOf("job.error");
    await settle();
    expect(upstream.live.size).toBe(0);
    expect(await keys(records, "arcp/credential-grant/")).toEqual([]);
    for await (const record of records.scan("")) expect(JSON.stringify(record)).not.toContain("sk-secret");
  });

  it("advertised and issued only with a store to promise revocation with, and where nobody can read along", async () => {
    const plain = createRuntime();
    const features = ["provisioned_credentials", "model.use", "cost.budget", "agent_versions"];
    const offered = async (client: RawClient): Promise<unknown> =>
      (await client.hello({ features })).payload["capabilities"];
    expect(await offered(new RawClient(plain.runtime))).toMatchObject({
      features: ["cost.budget", "model.use", "agent_versions"],
    });
    const { upstream, given } = provisioned();
    const tapped = new RawClient(given.runtime, insecure);
    expect(await offered(tapped)).toMatchObject({ features: ["cost.budget", "model.use", "agent_versions"] });
    const { payload } = await tapped.submit({ agent: "wait", lease_request: { "model.use": ["*"] } });
    expect(payload["credentials"]).toBeUndefined();
    expect(upstream.requests).toHaveLength(0);
    expect(await offered(new RawClient(given.runtime))).toMatchObject({
      features: expect.arrayContaining(["provisioned_credentials"]) as unknown,
    });
  });

  it("a session that holds a secret is not resumed where others can read along", async () => {
    const { given } = provisioned();
    const client = new RawClient(given.runtime);
    const welcome = await client.hello();
    await client.submit({ agent: "wait", lease_request });
    await client.drop();
    const resume = { session_id: welcome.session_id, resume_token: welcome.payload["resume_token"], last_event_seq: 0 };
    expect((await new RawClient(given.runtime, insecure).hello({ resume })).payload.code).toBe("PERMISSION_DENIED");
    expect((await new RawClient(given.runtime).hello({ resume })).type).toBe("session.welcome");
  });

  it("rotation sends the new value to the submitter and nobody else, and revokes the old", async () => {
    const { upstream, given } = provisioned({ mayObserve: () => true });
    let rotate = async (): Promise<void> => {};
    let held: unknown;
    given.runtime.agent("rotator", async (context) => {
      rotate = () => context.rotateCredential("cred_1");
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    });
    given.runtime.agent("holder", (context) => {
      held = context.credentials;
      return [
        context.credentialFor("https://gateway.example.com/v1/chat")?.value.reveal(),
        context.credentialFor("https://gateway.example.com/v2"),
        context.credentialFor("https://evil.example/v1/chat"),
      ].map((found) => found !== undefined);
    });
    const client = new RawClient(given.runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "rotator", lease_request });
    await settle();
    const bob = new RawClient(given.runtime);
    await bob.hello({ token: "tok-bob" });
    bob.send("job.subscribe", { job_id });
    await bob.nextOf("job.subscribed");
    const tapped = new RawClient(given.runtime, insecure);
    await tapped.hello();
    tapped.send("job.subscribe", { job_id });
    expect((await tapped.nextOf("job.subscribed")).payload["credentials"]).toBeUndefined();
    await rotate();
    const rotated = await client.next(({ payload }) => payload.body?.["phase"] === "credential_rotated");
    expect(rotated.payload.body).toEqual({ phase: "credential_rotated", id: "cred_1", value: "sk-secret-2" });
    expect(upstream.requests[1]?.replaces).toBe("cred_1");
    expect(upstream.live).toEqual(new Set([upstream.requests[1]?.grantId]));
    bob.send("job.subscribe", { job_id, history: true });
    await bob.nextOf("job.subscribed");
    await settle();
    expect(bob.events("status").map(({ payload }) => payload.body)).toContainEqual({
      phase: "credential_rotated",
      id: "cred_1",
    });
    expect(JSON.stringify(bob.frames)).not.toContain("sk-secret");
    expect(tapped.events("status")).toHaveLength(1);
    expect(JSON.stringify(tapped.frames)).not.toContain("sk-secret");
    const { payload } = await client.submit({ agent: "holder", lease_request });
    expect(payload["credentials"]).toHaveLength(1);
    expect((await client.nextOf("job.result")).payload["result"]).toEqual([true, false, false]);
    expect(JSON.stringify(held)).toContain("[redacted]");
    expect(JSON.stringify(held)).not.toContain("sk-secret");
  });

  it("a value serves one job only: the second submit is refused and its grant revoked", async () => {
    const { upstream, given } = provisioned();
    upstream.value = "sk-always-the-same";
    const client = new RawClient(given.runtime);
    await client.hello();
    await client.submit({ agent: "wait", lease_request });
    const answer = await client.submit({ agent: "wait", lease_request });
    expect(answer.payload.code).toBe("INTERNAL_ERROR");
    expect(JSON.stringify(answer)).not.toContain("sk-always");
    expect(upstream.live).toEqual(new Set([upstream.requests[0]?.grantId]));
    expect(given.runtime.counts.jobs).toBe(1);
  });

  it("a parent's end revokes its children's credentials", async () => {
    const { upstream, given } = provisioned();
    given.runtime.agent("parent", async (context) => {
      await context.delegate({ agent: "wait", lease: { "model.use": ["tier-fast/small"] } });
      await settle();
    });
    const client = new RawClient(given.runtime);
    await client.hello();
    const { job_id } = await client.submit({ agent: "parent", lease_request });
    await client.next((frame) => frame.type === "job.result" && frame.job_id === job_id);
    await settle();
    expect(upstream.requests.map(({ parentJobId }) => parentJobId)).toEqual([undefined, job_id]);
    expect(upstream.live.size).toBe(0);
  });

  it("ARCP §14: revocation is retried, and across restarts", async () => {
    const first = provisioned();
    first.upstream.failures = Number.POSITIVE_INFINITY;
    const client = new RawClient(first.given.runtime);
    await client.hello({ features: ["model.use", "cost.budget", "provisioned_credentials"] });
    await client.submit({ agent: "echo", lease_request });
    await client.nextOf("job.result");
    await first.given.clock.advance(3_000);
    expect(first.upstream.live.size).toBe(1);
    first.given.runtime.close();
    // Another process, the same store.
    const second = provisioned({ records: first.records });
    await second.given.runtime.recovered;
    expect(second.upstream.revoked).toMatchObject([{ grantId: first.upstream.requests[0]?.grantId }]);
    expect(await keys(first.records, "arcp/credential-grant/")).toEqual([]);
  });

  it("a transient failure is made good; a lasting one is reported to operators and stays on record", async () => {
    const { upstream, unrevocable, records, given } = provisioned();
    const client = new RawClient(given.runtime);
    await client.hello({ features: ["model.use", "cost.budget", "provisioned_credentials"] });
    upstream.failures = 3;
    await client.submit({ agent: "echo", lease_request });
    await client.nextOf("job.result");
    await given.clock.advance(60_000);
    expect(upstream.live.size).toBe(0);
    upstream.failures = Number.POSITIVE_INFINITY;
    const { job_id } = await client.submit({ agent: "echo", lease_request });
    await client.nextOf("job.result");
    await given.clock.advance(3_600_000);
    expect(unrevocable).toMatchObject([{ jobId: job_id, error: "upstream down" }]);
    expect(await given.runtime.unrevocable()).toEqual(unrevocable);
    expect(await keys(records, "arcp/credential-grant/")).toHaveLength(1);
  });

  it("a provisioner that never answers delays a submit so long and no longer; what comes late is revoked", async () => {
    const { upstream, given } = provisioned({ provisionTimeoutMs: 5_000 });
    const issue = upstream.issue.bind(upstream);
    let answer = (): void => {};
    upstream.issue = async (request) => {
      await new Promise<void>((resolve) => (answer = resolve));
      return issue(request);
    };
    const client = new RawClient(given.runtime);
    await client.hello();
    const id = client.send("job.submit", { agent: "wait", lease_request });
    await given.clock.advance(5_000);
    const refused = await client.nextOf("session.error");
    expect(refused.payload).toMatchObject({ code: "INTERNAL_ERROR", request_id: id, retryable: true });
    answer();
    await settle();
    expect(upstream.requests).toHaveLength(1);
    expect(upstream.live.size).toBe(0);
    expect(given.runtime.counts.jobs).toBe(0);
  });

  it("a rotation that is under way when its job ends leaves nothing alive", async () => {
    const { upstream, given } = provisioned();
    const issue = upstream.issue.bind(upstream);
    let answer = (): void => {};
    upstream.issue = async (request) => {
      if (request.replaces !== undefined) await new Promise<void>((resolve) => (answer = resolve));
      return issue(request);
    };
    let rotated: Promise<unknown> = Promise.resolve();
    given.runtime.agent("rotator", async (context) => {
      rotated = context.rotateCredential("cred_1").catch((error: { errorCode: string }) => error.errorCode);
      await settle();
    });
    const client = new RawClient(given.runtime);
    await client.hello();
    await client.submit({ agent: "rotator", lease_request });
    await client.nextOf("job.result");
    await settle();
    answer();
    expect(await rotated).toBe("CANCELLED");
    await expect.poll(() => upstream.live.size).toBe(0);
  });

  it("a delegated job gets its own while the client is away", async () => {
    const { upstream, given } = provisioned();
    let go = (): void => {};
    given.runtime.agent("parent", async (context) => {
      await new Promise<void>((resolve) => (go = resolve));
      await context.delegate({ agent: "wait", lease: { "model.use": ["tier-fast/small"] } });
      await settle();
    });
    const client = new RawClient(given.runtime);
    await client.hello();
    await client.submit({ agent: "parent", lease_request });
    await settle();
    await client.drop();
    expect(upstream.live.size).toBe(1);
    go();
    await expect.poll(() => upstream.requests.length).toBe(2);
    await expect.poll(() => upstream.live.size).toBe(0);
  });

  it("a store that cannot be written means no credentials and no job", async () => {
    const records: RecordStore = { ...memoryRecordStore(), create: () => Promise.reject(new Error("disk full")) };
    const { upstream, given } = provisioned({ records });
    const client = new RawClient(given.runtime);
    await client.hello();
    expect((await client.submit({ agent: "wait", lease_request })).payload.code).toBe("INTERNAL_ERROR");
    expect(upstream.requests).toHaveLength(0);
    expect(given.runtime.counts.jobs).toBe(0);
  });
});
