import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { connect } from "../../src/index.ts";
import { spawnTransport, stdioTransport } from "../../src/node/index.ts";
import { refusal } from "../support/refusal.ts";

const child = fileURLToPath(new URL("stdio-child.ts", import.meta.url));
const args = ["--conditions=@imprest/source", child];

describe("stdio", () => {
  it("ARCP §4: a session with a child process; a child that dies is started anew", async () => {
    let started = 0;
    const dial = () => {
      started++;
      return spawnTransport(process.execPath, { args });
    };
    const session = await connect(dial, { token: "t", backOff: () => 1, lostAfterMs: 300 });
    const job = await session.submit({ agent: "echo", input: "héllo 😀" });
    expect(await job.result()).toBe("héllo 😀");
    const doomed = await session.submit({ agent: "die" });
    expect(await refusal(doomed.result())).toBe("JobLostError");
    expect(await (await session.submit({ agent: "echo", input: 2 })).result()).toBe(2);
    // A refused resume takes a connection of its own.
    expect(started).toBeGreaterThan(1);
    await session.close();
  }, 30_000);

  it("a command that does not exist is an error, not a hang", async () => {
    const dial = () => spawnTransport("no-such-command-at-all");
    expect(await refusal(connect(dial, { token: "t" }))).toBe("ConnectionError");
  });

  it("frames survive any cut of their bytes; an overlong line ends the connection", async () => {
    const input = new PassThrough();
    const transport = stdioTransport({ input, output: new PassThrough() });
    const seen: string[] = [];
    transport.onMessage((text) => seen.push(text));
    for (const byte of Buffer.from('{"a":"é😀"}\n\n{"b":1}\r\n{"c":')) input.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(['{"a":"é😀"}', '{"b":1}\r']);
    input.write("x".repeat(17 * 2 ** 20));
    expect((await transport.closed).error?.message).toContain("16 Mi");
  });
});
