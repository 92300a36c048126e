import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { logRecordStore } from "@imprest/core/node";
import { type TestContext, describe, expect, it, onTestFinished } from "vitest";
import { takeLock } from "../../src/node/file-lock.ts";
import { type ProcessIdentity, lookFor, ownIdentity } from "../../src/node/process-identity.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const program = fileURLToPath(new URL("lock-holder.ts", import.meta.url));
const node = [process.execPath, "--conditions=@imprest/source", program];
/** A pid namespace of its own under the same host name, as containers on one host network have it. */
const container = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

function needsContainers({ skip }: TestContext): void {
  const [command = "", ...args] = [...container, "true"];
  if (spawnSync(command, args).status !== 0) skip("this system does not permit a pid namespace (unshare --pid)");
}

/** Starts a holder. @returns it, with what it says of its claim. */
async function claim(
  dir: string,
  prefix: readonly string[] = [],
  ...kind: readonly "files"[]
): Promise<{ child: ChildProcess; said: string }> {
  const [command = "", ...args] = [...prefix, ...node, dir, ...kind];
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return { child, said: said.toString("utf8").trim() };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "close");
}

describe("the lock of a directory between containers with one host name", () => {
  it("stays with its holder outside, whose process a container cannot see", async (context) => {
    needsContainers(context);
    const dir = await temporaryDirectory();
    expect((await claim(dir)).said).toBe("claimed");
    const second = (await claim(dir, container)).said;
    expect(second).toContain("may run in another container");
    expect(second).toContain(`delete that file`);
  });

  it("stays with its holder in a container, whose ids mean other processes outside and in the next container", async (context) => {
    needsContainers(context);
    const dir = await temporaryDirectory();
    expect((await claim(dir, container)).said).toBe("claimed");
    expect((await claim(dir)).said).toContain("held by process 1 on");
    expect((await claim(dir, container)).said).toContain("held by process 1 on");
  });

  it("stays with a holder in a container that is stopped, because it may go on", async (context) => {
    needsContainers(context);
    const dir = await temporaryDirectory();
    const { child } = await claim(dir, container);
    const inside = Number(await readFile(`/proc/${child.pid}/task/${child.pid}/children`, "utf8"));
    process.kill(inside, "SIGSTOP");
    expect((await claim(dir)).said).toContain("held by process 1 on");
    process.kill(inside, "SIGKILL");
  });

  it.for([
    ["outside", []],
    ["in the next container", container],
  ] as const)("is taken over by a process %s once the holder's container was killed", async ([, prefix], context) => {
    needsContainers(context);
    const dir = await temporaryDirectory();
    await kill((await claim(dir, container)).child);
    expect((await claim(dir, prefix)).said).toBe("taken");
    // What the killed one left beside its lock went with it.
    expect((await readdir(dir)).filter((name) => name.startsWith("records.lock"))).toHaveLength(2);
  });

  it("goes to one of many that find the lock of a killed container at once", async (context) => {
    needsContainers(context);
    const dir = await temporaryDirectory();
    await kill((await claim(dir, container)).child);
    const said = await Promise.all(
      [[], container, container, []].map(async (prefix) => (await claim(dir, prefix)).said),
    );
    expect(said.filter((text) => text === "taken")).toHaveLength(1);
  });

  it("stays when the life sign beside it is missing, and is taken once an operator has deleted it", async (context) => {
    needsContainers(context);
    const dir = await temporaryDirectory();
    await kill((await claim(dir, container)).child);
    for (const name of await readdir(dir)) if (name.startsWith("records.lock.")) await rm(join(dir, name));
    await expect(logRecordStore({ dir }).read("claim:mandate-1")).rejects.toThrow("cannot be seen from here");
    await rm(join(dir, "records.lock"));
    expect((await claim(dir)).said).toBe("taken");
  });

  it("lets one of many containers claim a mandate in one file store", async (context) => {
    needsContainers(context);
    const dir = await temporaryDirectory();
    const places = [[], container, container, container];
    const said = await Promise.all(places.map(async (prefix) => (await claim(dir, prefix, "files")).said));
    expect(said.toSorted()).toEqual(["claimed", "taken", "taken", "taken"]);
  });

  it("is taken over from a process of the same namespace that was killed", async () => {
    const dir = await temporaryDirectory();
    const first = await claim(dir);
    expect((await claim(dir)).said).toContain(`held by process ${first.child.pid}`);
    await kill(first.child);
    expect((await claim(dir)).said).toBe("taken");
  });
});

describe("lookFor", () => {
  const place = { host: "h", boot: "b", namespace: "n", machine: "m" };
  const own: ProcessIdentity = { pid: process.pid, started: "", ...place };
  const absent = 2 ** 22 + 1;

  it.each<[string, Partial<ProcessIdentity>, Partial<ProcessIdentity>, string]>([
    ["a process of the same namespace that runs", {}, {}, "running"],
    ["a process of the same namespace that has ended", { pid: absent }, {}, "gone"],
    ["a process of another namespace", { pid: absent, namespace: "other" }, {}, "unseen"],
    ["a process whose namespace is unknown", { pid: absent, namespace: "" }, { namespace: "" }, "unseen"],
    ["a process of another host", { pid: absent, host: "other" }, {}, "unseen"],
    ["a process from before a restart of this machine", { boot: "earlier" }, {}, "gone"],
    ["a process of another machine with the same host name", { boot: "other", machine: "other" }, {}, "unseen"],
    ["a process of another boot, in a container", { boot: "other", machine: "" }, { machine: "" }, "unseen"],
    ["a process of an unknown boot", { boot: "" }, {}, "unseen"],
    ["a process of some boot, seen from an unknown one", {}, { boot: "" }, "unseen"],
  ])("sees %s as what is certain", async (_name, other, here, sighting) => {
    expect(await lookFor({ ...own, ...other }, { ...own, ...here })).toBe(sighting);
  });

  it("knows a later process with the same id by its start", async (context) => {
    const { started, ...self } = await ownIdentity();
    if (started === "") context.skip("this system does not say when a process started");
    expect(await lookFor({ ...self, started: "1" }, { ...self, started })).toBe("gone");
  });
});

describe("takeLock", () => {
  it("names boot and namespace in the lock, and no machine-id in the clear", async (context) => {
    if (process.platform !== "linux") context.skip("only Linux has pid namespaces");
    const path = join(await temporaryDirectory(), "lock");
    const unlock = await takeLock(path, { waitMs: 0 });
    const text = await readFile(path, "utf8");
    expect(JSON.parse(text)).toMatchObject({
      boot: (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim(),
      namespace: expect.stringMatching(/^pid:\[\d+\]$/) as string,
    });
    const machineId = (await readFile("/etc/machine-id", "utf8").catch(() => "")).trim();
    if (machineId !== "") expect(text).not.toContain(machineId);
    await unlock();
  });

  it("takes over an empty lock, which a power failure leaves, once it is too old to be one that is written now", async () => {
    const path = join(await temporaryDirectory(), "lock");
    await writeFile(path, "");
    await expect(takeLock(path, { waitMs: 0 })).rejects.toThrow("an unknown process");
    const before = new Date(Date.now() - 61_000);
    await utimes(path, before, before);
    await (
      await takeLock(path, { waitMs: 0 })
    )();
    // A text that names nobody may be anybody's.
    await writeFile(path, "someone");
    await utimes(path, before, before);
    await expect(takeLock(path, { waitMs: 0 })).rejects.toThrow("delete that file");
  });

  it("never judges a lock of another container by its process id, and by its age only where that is given", async () => {
    const path = join(await temporaryDirectory(), "lock");
    const holder = { ...(await ownIdentity()), pid: 2 ** 22 + 1, namespace: "pid:[1]", nonce: "x" };
    await writeFile(path, JSON.stringify(holder));
    await expect(takeLock(path, { waitMs: 20, staleAfterMs: 60_000 })).rejects.toThrow("another container");
    const before = new Date(Date.now() - 61_000);
    await utimes(path, before, before);
    await expect(takeLock(path, { waitMs: 0 })).rejects.toThrow("another container");
    await (
      await takeLock(path, { waitMs: 0, staleAfterMs: 60_000 })
    )();
  });

  it("goes on at once where a process was killed while it took a lock over", async () => {
    const dir = await temporaryDirectory();
    const path = join(dir, "lock");
    const gone = { ...(await ownIdentity()), pid: 2 ** 22 + 1, started: "1" };
    for (const name of ["lock", "lock.break", "lock.break.break"]) {
      await writeFile(join(dir, name), JSON.stringify({ ...gone, nonce: name }));
    }
    const taken = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(path, { waitMs: 0 })));
    expect(taken.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(1);
    const unlock =
      taken.find((result) => result.status === "fulfilled")?.value ?? (await takeLock(path, { waitMs: 0 }));
    await unlock();
    expect(await readdir(dir)).toEqual([]);
  });

  it("leaves a lock alone that a process in another container is taking over, and names the file that it holds", async () => {
    const path = join(await temporaryDirectory(), "lock");
    const gone = JSON.stringify({ ...(await ownIdentity()), pid: 2 ** 22 + 1, started: "1", nonce: "x" });
    await writeFile(path, gone);
    const elsewhere = { ...(await ownIdentity()), pid: 1, namespace: "pid:[1]", nonce: "y" };
    await writeFile(`${path}.break`, JSON.stringify(elsewhere));
    await expect(takeLock(path, { waitMs: 0 })).rejects.toThrow(`${path}.break is held by process 1`);
    expect(await readFile(path, "utf8")).toBe(gone);
  });
});
