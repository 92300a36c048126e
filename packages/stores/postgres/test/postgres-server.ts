import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const versions = "/usr/lib/postgresql";
const binaries = existsSync(versions) ? readdirSync(versions).map((version) => join(versions, version, "bin")) : [];
const binary = binaries.find((folder) => existsSync(join(folder, "initdb")));

/** Debian's postgresql; tests without it are skipped, except in CI (`tools/install-servers.sh` installs it). */
export const hasPostgres: boolean = binary !== undefined || process.env["CI"] !== undefined;

/** A real PostgreSQL cluster of its own, reached through a socket in `host`. */
export async function startPostgres(): Promise<{
  readonly host: string;
  readonly user: string;
  stop(): Promise<void>;
}> {
  if (binary === undefined) throw new Error("postgresql is not installed; run tools/install-servers.sh");
  const folder = mkdtempSync(join(tmpdir(), "imprest-postgres-"));
  const data = join(folder, "data");
  const identity = identityOf(folder);
  const options = { ...identity, env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" }, cwd: folder };
  execFileSync(join(binary, "initdb"), ["-D", data, "-U", "imprest", "-A", "trust", "-E", "UTF8"], {
    ...options,
    stdio: "ignore",
  });
  const settings = ["-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "max_connections=200"];
  const server = spawn(join(binary, "postgres"), settings, { ...options, stdio: ["ignore", "ignore", "pipe"] });
  for await (const chunk of server.stderr) {
    if (String(chunk).includes("ready to accept connections")) break;
  }
  server.stderr.destroy();
  return {
    host: folder,
    user: "imprest",
    async stop() {
      if (server.exitCode === null) {
        // The smart shutdown: connections that are being closed are waited for.
        server.kill("SIGTERM");
        await once(server, "exit");
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL refuses to run as root: its Debian package brings a user to run it as. */
function identityOf(folder: string): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = ["-u", "-g"].map((flag) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" })));
  if (uid === undefined || gid === undefined) return {};
  chownSync(folder, uid, gid);
  return { uid, gid };
}
