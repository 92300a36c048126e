import { createHash } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { isErrno } from "./file-errors.ts";

/** Which process something belongs to, so that another one can see whether it still runs. Unknown text is empty. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Distinguishes a process from a later one with the same id. */
  readonly started: string;
  readonly host: string;
  /** Of the kernel: a new one after each restart of the machine. */
  readonly boot: string;
  /** Where `pid` counts: two containers may share host name, kernel and files, and each has a process 1. */
  readonly namespace: string;
  /** The installation, which a restart of the machine does not change. */
  readonly machine: string;
}

/** The inodes of the namespaces that the kernel starts with (include/linux/proc_ns.h). */
const initialNamespaces = { pid: "pid:[4026531836]", uts: "uts:[4026531838]" };

let own: Promise<ProcessIdentity> | undefined;

/** The identity of this process, read once: it does not change. */
export function ownIdentity(): Promise<ProcessIdentity> {
  own ??= readOwnIdentity();
  return own;
}

async function readOwnIdentity(): Promise<ProcessIdentity> {
  const { pid } = process;
  const [started, boot, namespace] = await Promise.all([startOf(pid), bootId(), pidNamespace()]);
  return { pid, started, host: hostname(), boot, namespace, machine: await machineId(namespace) };
}

/** What can be seen of a process. One that is `unseen` may be alive. */
export type Sighting = "running" | "gone" | "unseen";

/** Looks for a process. Its id is only asked about where it counts, so one of another namespace is `unseen`. */
export async function lookFor(other: ProcessIdentity, self: ProcessIdentity): Promise<Sighting> {
  if (other.host !== self.host) return "unseen";
  if (other.boot === self.boot) {
    const isNear = self.namespace !== "" && other.namespace === self.namespace;
    return isNear ? ((await isRunning(other)) ? "running" : "gone") : "unseen";
  }
  // No process survives a restart of its machine.
  const hasRestarted = other.boot !== "" && self.boot !== "" && self.machine !== "" && other.machine === self.machine;
  return hasRestarted ? "gone" : "unseen";
}

async function isRunning({ pid, started }: ProcessIdentity): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (isErrno(error, "ESRCH")) return false;
  }
  const found = await startOf(pid);
  return started === "" || found === "" || found === started;
}

/** When a process started, as Linux counts it. */
async function startOf(pid: number): Promise<string> {
  const fields = await orEmpty(readFile(`/proc/${pid}/stat`, "utf8"));
  // The second field is the command in parentheses and may hold anything; the start is the 22nd (proc(5)).
  return fields.slice(fields.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

async function bootId(): Promise<string> {
  return (await orEmpty(readFile("/proc/sys/kernel/random/boot_id", "utf8"))).trim();
}

async function pidNamespace(): Promise<string> {
  // Windows and macOS count all processes of a machine together.
  if (process.platform !== "linux") return process.platform;
  // A /proc of another namespace has other processes under the same ids; and an inode says nothing without its boot.
  const isOwnProc = (await orEmpty(readlink("/proc/self"))) === String(process.pid);
  return isOwnProc && (await bootId()) !== "" ? orEmpty(readlink("/proc/self/ns/pid")) : "";
}

/**
 * Empty in a container, because containers on two machines may come of one image, machine-id included. It is hashed,
 * because machine-id(5) asks not to expose it.
 */
async function machineId(namespace: string): Promise<string> {
  if (namespace !== initialNamespaces.pid) return "";
  if ((await orEmpty(readlink("/proc/self/ns/uts"))) !== initialNamespaces.uts) return "";
  const id = (await orEmpty(readFile("/etc/machine-id", "utf8"))).trim();
  return /^[0-9a-f]{32}$/.test(id) ? createHash("sha256").update(`imprest lock ${id}`).digest("hex") : "";
}

async function orEmpty(text: Promise<string>): Promise<string> {
  return text.catch(() => "");
}
