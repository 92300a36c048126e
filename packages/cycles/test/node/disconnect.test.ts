import { once } from "node:events";
import { type ServerResponse, createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { tokens } from "@imprest/core";
import { disconnectSignal, sendStream } from "@imprest/core/node";
import { CyclesAuthority, withReservation, withReservationStream } from "@imprest/cycles";
import { type StubAuthority, startStub } from "../support/stub-authority.ts";

const amount = (value: number): object => ({ unit: "TOKENS", amount: value });

async function authority(): Promise<{ stub: StubAuthority; cycles: CyclesAuthority }> {
  const stub = await startStub(({ path, json }) => {
    if (path.endsWith("/commit")) return { body: { status: "COMMITTED", charged: json["actual"] } };
    if (path.endsWith("/release")) return { body: { status: "RELEASED", released: amount(100) } };
    const reserved = { reservation_id: "rsv_1", reserved: amount(100), expires_at_ms: 1_900_000_000_000 };
    return { body: { decision: "ALLOW", affected_scopes: ["tenant:acme"], remaining_ttl_ms: 30_000, ...reserved } };
  });
  const cycles = new CyclesAuthority({ baseUrl: stub.url, apiKey: "test-key", subject: { tenant: "acme" } });
  return { stub, cycles };
}

const request = { estimate: tokens(100), action: { kind: "llm.completion", name: "model" } };

/** The application's own server: an SSE endpoint, say. */
async function startApplication(serve: (response: ServerResponse) => Promise<unknown>): Promise<string> {
  const server = createServer((incoming, response) => {
    // As frameworks do: the body is read before the handler runs, and the request's own "close" is over then.
    incoming.resume().on("end", () => void serve(response).catch(() => response.destroy()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Reads the first bytes of an answer, then goes away. */
async function readAndLeave(url: string): Promise<void> {
  const outgoing = get(url);
  const [answer] = (await once(outgoing, "response")) as [NodeJS.ReadableStream];
  await once(answer, "data");
  outgoing.destroy();
}

const settled = (stub: StubAuthority): string[] =>
  stub.received.slice(1).map(({ path, json }) => `${path.split("/").at(-1)} ${JSON.stringify(json["actual"] ?? null)}`);

describe("a disconnected HTTP client", () => {
  it("settles a stream by what was spent, though the source hangs", async () => {
    const { stub, cycles } = await authority();
    let sent: boolean | undefined;
    const url = await startApplication(async (response) => {
      async function* model(): AsyncGenerator<string> {
        yield "one";
        await new Promise(() => {});
      }
      const signal = disconnectSignal(response);
      const stream = withReservationStream(cycles, request, model, { signal, spend: () => tokens(7) });
      sent = await sendStream(stream, response);
    });
    await readAndLeave(url);
    await vi.waitFor(() => expect(settled(stub)).toEqual([`commit ${JSON.stringify(amount(7))}`]));
    await vi.waitFor(() => expect(sent).toBe(false));
  });

  it("settles a stream whose writer waits for a buffer that will never drain", async () => {
    const { stub, cycles } = await authority();
    let chunks = 0;
    const url = await startApplication(async (response) => {
      async function* model(): AsyncGenerator<Uint8Array> {
        for (;;) {
          chunks += 1;
          yield new Uint8Array(1024 * 1024);
        }
      }
      const stream = withReservationStream(cycles, request, model, { spend: () => tokens(9) });
      await sendStream(stream, response);
    });
    const outgoing = get(url);
    const [answer] = (await once(outgoing, "response")) as [NodeJS.ReadableStream];
    await once(answer, "data");
    answer.pause();
    let before = -1;
    await vi.waitFor(
      () => {
        const moved = chunks !== before;
        before = chunks;
        expect(moved).toBe(false);
      },
      { timeout: 5_000, interval: 100 },
    );
    expect(settled(stub)).toEqual([]);
    outgoing.destroy();
    await vi.waitFor(() => expect(settled(stub)).toEqual([`commit ${JSON.stringify(amount(9))}`]));
  });

  it("aborts the body of a plain call, which is released when nothing was spent", async () => {
    const { stub, cycles } = await authority();
    const url = await startApplication(async (response) => {
      response.write("working");
      const signal = disconnectSignal(response);
      await withReservation(
        cycles,
        request,
        ({ signal: aborted }) =>
          new Promise((_resolve, reject) => aborted.addEventListener("abort", () => reject(aborted.reason as Error))),
        { signal },
      );
    });
    await readAndLeave(url);
    await vi.waitFor(() => expect(settled(stub)).toEqual(["release null"]));
  });

  it("lets an answer that was finished alone", async () => {
    const { stub, cycles } = await authority();
    let signal: AbortSignal | undefined;
    let closed = false;
    const url = await startApplication(async (response) => {
      async function* model(): AsyncGenerator<string> {
        yield* ["one ", "two"];
      }
      response.once("close", () => (closed = true));
      signal = disconnectSignal(response);
      const stream = withReservationStream(cycles, request, model, { signal, spend: () => tokens(5) });
      expect(await sendStream(stream, response, (chunk) => chunk.toUpperCase())).toBe(true);
    });
    expect(await (await fetch(url)).text()).toBe("ONE TWO");
    await vi.waitFor(() => expect(closed).toBe(true));
    expect(signal?.aborted).toBe(false);
    expect(settled(stub)).toEqual([`commit ${JSON.stringify(amount(5))}`]);
  });

  it("cuts the answer off when the stream fails, and settles", async () => {
    const { stub, cycles } = await authority();
    let failure: unknown;
    const url = await startApplication(async (response) => {
      async function* model(): AsyncGenerator<string> {
        yield "one";
        throw new Error("the model failed");
      }
      const stream = withReservationStream(cycles, request, model, { spend: () => tokens(3) });
      await sendStream(stream, response).catch((error: unknown) => (failure = error));
    });
    await expect(fetch(url).then((answer) => answer.text())).rejects.toThrow();
    expect(String(failure)).toContain("the model failed");
    await vi.waitFor(() => expect(settled(stub)).toEqual([`commit ${JSON.stringify(amount(3))}`]));
  });
});
