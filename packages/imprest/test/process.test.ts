import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "imprest-process-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const keys = join(folder, "keys.json");
const feed = join(folder, "feed.ndjson");
writeFileSync(keys, '{"keys":[]}');
// More than a pipe holds, so that a reader who leaves is noticed.
writeFileSync(feed, "{}\n".repeat(5_000));
const imprest = `${process.execPath} --conditions=@imprest/source packages/imprest/bin/imprest.js`;
const verify = `${imprest} verify --trust https://a.example --jwks ${keys}`;

/** A line of shell around the real command. */
function shell(line: string): Promise<{ code: number | null; err: string }> {
  const child = spawn("bash", ["-o", "pipefail", "-c", line], { cwd: root, stdio: ["pipe", "ignore", "pipe"] });
  let err = "";
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((done) => child.once("close", (code) => done({ code, err })));
}

describe("imprest as a process of a shell", () => {
  it("a reader who has seen enough ends it quietly, as SIGPIPE would", async () => {
    const ran = await shell(`${verify} ${feed} | head -1`);
    expect(ran).toEqual({ code: 141, err: "" });
  });

  it.runIf(existsSync("/dev/full"))("a report that cannot be written whole is no clean one", async () => {
    const ran = await shell(`${verify} ${feed} > /dev/full`);
    expect(ran).toEqual({ code: 2, err: "imprest: standard output: ENOSPC: no space left on device, write\n" });
  });

  it("says what it has to say though nobody reads standard error", async () => {
    const ran = await shell(`( sleep 0.3; exec ${imprest} no-such-command ) 2> >(exec true)`);
    expect(ran.code).toBe(2);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s ends it as a shell expects", async (signal, code) => {
    const child = spawn("bash", ["-c", `exec ${verify} -`], { cwd: root, stdio: ["pipe", "ignore", "pipe"] });
    const ended = new Promise<number | null>((done) => child.once("close", done));
    // It reads, and so listens, once it takes more than the pipe holds; its input never ends.
    await new Promise<void>((done) => child.stdin.write(Buffer.alloc(1_000_000, "\n"), () => done()));
    child.kill(signal);
    expect(await ended).toBe(code);
  });
});
