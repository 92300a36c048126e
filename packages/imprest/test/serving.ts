import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { onTestFinished } from "vitest";

const root = resolve(import.meta.dirname, "../../..");

/** A port that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/**
 * Starts the real command in its own process and waits until it says `until`. Called within a test, the process ends with
 * the test, also when that fails midway; a hook passes `ends`, and stops it itself.
 */
export async function serving(
  args: readonly string[],
  until: RegExp,
  ends: (end: () => void) => void = onTestFinished,
) {
  const command = ["--conditions=@imprest/source", "packages/imprest/bin/imprest.js", "serve", ...args];
  const child = spawn(process.execPath, command, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  ends(() => {
    child.kill("SIGKILL");
  });
  let out = "";
  await new Promise<void>((done, fail) => {
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      if (until.test(out)) done();
    });
    child.stderr.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.once("exit", (code) => fail(new Error(`serve ended with ${code}: ${out}`)));
  });
  const stop = () =>
    new Promise<number | null>((done) => {
      child.removeAllListeners("exit");
      child.once("exit", done);
      child.kill("SIGINT");
    });
  return { out: () => out, stop };
}
