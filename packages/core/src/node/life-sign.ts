import { chmod, statfs } from "node:fs/promises";
import { type Server, connect, createServer } from "node:net";
import { dirname } from "node:path";
import { isErrno } from "./file-errors.ts";

/**
 * File systems that one kernel mounts at a time, by the numbers of statfs(2): ext, xfs, btrfs, tmpfs, overlay, f2fs, zfs.
 * Through any other one, a socket may belong to another machine, which refuses nobody here.
 */
const localFileSystems: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1,
]);

/** A socket file that accepts connections for as long as its process lives, in whichever container that is. */
export interface LifeSign {
  /** Ends it, and removes its file. */
  end(): Promise<void>;
}

/**
 * Gives a sign of life at `path`. It keeps no process alive.
 * @returns `undefined` where there can be none: no local file system, a path too long for a socket (unix(7)).
 */
export async function giveLifeSign(path: string): Promise<LifeSign | undefined> {
  if (!(await isLocal(path))) return undefined;
  // A connection that is accepted has said everything.
  const server = createServer((connection) => connection.destroy());
  const isListening = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(path, () => resolve(true));
  });
  if (!isListening) return undefined;
  server.on("error", () => {});
  server.unref();
  await chmod(path, 0o600);
  return { end: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/**
 * True when the process that gave the sign is certainly gone: the kernel refuses connections to a socket that nobody
 * holds. A process that is stopped, or busy, still holds its own; a file that is missing says nothing.
 */
export async function isExtinct(path: string): Promise<boolean> {
  if (!(await isLocal(path))) return false;
  return new Promise((resolve) => {
    const connection = connect(path, () => {
      connection.destroy();
      resolve(false);
    });
    connection.once("error", (error) => resolve(isErrno(error, "ECONNREFUSED")));
  });
}

/** Whether one kernel alone can have mounted the folder of `path`; `false` where that is unknown. */
export async function isLocal(path: string): Promise<boolean> {
  if (process.platform !== "linux") return false;
  try {
    return localFileSystems.has((await statfs(dirname(path))).type);
  } catch {
    return false;
  }
}
