import { request } from "node:http";
import { connect } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { type Answerer, type LoopbackServer, listen } from "../src/cli/loopback-server.ts";
import { latch } from "./latch.ts";

async function listening(answerer: Answerer): Promise<LoopbackServer> {
  const server = await listen(() => answerer);
  onTestFinished(() => server.close());
  return server;
}

it("an answerer that throws breaks the connection, and says nothing of why", async () => {
  const server = await listening(() => {
    throw new Error("a secret of the handler");
  });
  await expect(fetch(server.origin)).rejects.toThrow("fetch failed");
  const rejecting = await listening(() => Promise.reject(new Error("a secret of the handler")));
  await expect(fetch(rejecting.origin)).rejects.toThrow("fetch failed");
});

it("the signal of a request aborts when its client leaves, before there is an answer", async () => {
  const [left, asked] = [latch(), latch()];
  const server = await listening(async (_incoming, signal) => {
    asked.resolve();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    left.resolve();
    return new Response(null);
  });
  const client = request(server.origin, { agent: false });
  client.on("error", () => {});
  client.end();
  await asked.promise;
  client.destroy();
  await left.promise;
});

it("closing resolves after every answerer has ended, and a second close resolves too", async () => {
  const [end, asked] = [latch(), latch()];
  let isEnded = false;
  const server = await listening(async () => {
    asked.resolve();
    await end.promise;
    isEnded = true;
    return new Response("late");
  });
  const answer = fetch(server.origin).catch(() => "broken");
  await asked.promise;
  const closed = server.close();
  expect(await answer).toBe("broken");
  end.resolve();
  await closed;
  expect(isEnded).toBe(true);
  await server.close();
  await expect(fetch(server.origin)).rejects.toThrow("fetch failed");
});

it("a port that is taken is the system's error", async () => {
  const server = await listening(() => new Response(null));
  const port = Number(new URL(server.origin).port);
  await expect(listen(() => () => new Response(null), { port })).rejects.toMatchObject({ code: "EADDRINUSE" });
});

it("no other protocol is spoken: an upgrade is refused", async () => {
  const server = await listening(() => new Response("never"));
  const socket = connect(Number(new URL(server.origin).port), "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  expect(answer).toMatch(/^HTTP\/1\.1 426 /);
});
