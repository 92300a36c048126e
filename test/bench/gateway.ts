import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Effort, type Group, type Mode, compare, median } from "./measure.ts";
import { startPeer } from "./peer.ts";
import { scratchFolder } from "./scratch-folder.ts";

const bin = resolve(import.meta.dirname, "../../packages/imprest/bin/imprest.js");
const messages = [{ role: "user", content: "How should an agent handle money? ".repeat(30) }];
const stream = { stream: true, stream_options: { include_usage: true } };
const body = JSON.stringify({ model: "model", max_tokens: 800, messages, ...stream });

/** How long a program waits for the first byte of a stream: bare, and under the command `imprest run`. */
export async function* gateway(effort: Effort): AsyncGenerator<Group> {
  await using ends = new AsyncDisposableStack();
  const folder = ends.use(await scratchFolder());
  const server = ends.use(await startPeer<{ readonly url: string }>("model-server.ts"));
  const prices = folder.pathOf("prices.json");
  await writeFile(prices, JSON.stringify({ model: { input: "1.00", output: "4.00" } }));
  const run = await startRun(`${server.told.url}/v1`, prices);
  ends.defer(() => run.end());
  const count = effort.count(500);
  yield await compare(
    { title: "first byte of a stream", unit: "ms", rounds: effort.rounds(7) },
    {
      bare: firstByte(`${server.told.url}/v1`, "none", count),
      "under imprest run": firstByte(run.url, run.token, count),
    },
  );
}

/** `imprest run` as a process, with a program that says what it was given and then waits for its input to end. */
async function startRun(upstream: string, prices: string) {
  const program =
    "console.log(process.env.OPENAI_BASE_URL + ' ' + process.env.OPENAI_API_KEY); process.stdin.resume().on('end', () => process.exit());";
  const args = ["run", "--budget", "USD:1000000", "--prices", prices, "--", process.execPath, "-e", program];
  const child = spawn(process.execPath, ["--conditions=@imprest/source", bin, ...args], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...process.env, OPENAI_BASE_URL: upstream, OPENAI_API_KEY: "key" },
  });
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  const [url = "", token = ""] = said.toString().trim().split(" ");
  const ended = once(child, "exit");
  return {
    url,
    token,
    async end() {
      child.stdin.end();
      await ended;
    },
  };
}

function firstByte(url: string, token: string, count: number): Mode {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  return async () => {
    const waited: number[] = [];
    for (let at = 0; at < count; at += 1) {
      const started = performance.now();
      const { body: chunks, status } = await fetch(`${url}/chat/completions`, { method: "POST", headers, body });
      if (chunks === null || status !== 200) throw new Error(`the answer has status ${status}`);
      let isFirst = true;
      for await (const _ of chunks) {
        if (isFirst) waited.push(performance.now() - started);
        isFirst = false;
      }
    }
    return { value: median(waited) };
  };
}
