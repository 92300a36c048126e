import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Debian's redis-server; tests without it are skipped, except in CI (`tools/install-servers.sh` installs it). */
export const hasRedis: boolean =
  spawnSync("redis-server", ["--version"]).status === 0 || process.env["CI"] !== undefined;

/** A real redis-server of its own, durable to each write, reached through a socket file. */
export async function startRedis(): Promise<{ readonly socket: string; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "imprest-redis-"));
  const socket = join(folder, "redis.sock");
  const settings = [
    "--port",
    "0",
    "--unixsocket",
    socket,
    "--dir",
    folder,
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--save",
    "",
  ];
  const server = spawn("redis-server", settings, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const chunk of server.stdout) {
    if (String(chunk).includes("eady to accept connections")) break;
  }
  return {
    socket,
    async stop() {
      if (server.exitCode === null) {
        server.kill("SIGKILL");
        await once(server, "exit");
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
