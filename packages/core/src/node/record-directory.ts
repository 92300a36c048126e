import { chmod, link, mkdir, open, readFile, readdir, rename, stat, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { randomHex } from "../platform/random.ts";
import { unlessErrno } from "./file-errors.ts";
import { type OnQuarantine, warnOfQuarantine } from "./quarantine.ts";

/** The mode bit of directories in which everybody may write. */
const sticky = 0o1000;

/** Files of writers that crashed; younger ones may still be renamed into place. */
const oldestTemporaryMs = 3_600_000;

/**
 * A directory of small files that are whole or absent, whatever happens to the process or the machine: each is written
 * beside its place, flushed, and moved into it. Files are created 0600 in directories created 0700, so there is no
 * moment at which another user could read them. Nothing here blocks the event loop. Several processes may share one.
 */
export class RecordDirectory {
  readonly path: string;
  readonly #onQuarantine: OnQuarantine;
  #opened: Promise<void> | undefined;
  /** The flush under way, and the one that whoever asks meanwhile shares. */
  #flushing: Promise<void> | undefined;
  #nextFlush: Promise<void> | undefined;

  constructor(path: string, onQuarantine: OnQuarantine = warnOfQuarantine) {
    this.path = resolve(path);
    this.#onQuarantine = onQuarantine;
  }

  /** Creates the directory and clears away what crashed writers left. Every other method does so first. */
  open(): Promise<void> {
    // A failure is not remembered: the disk may be mounted or the permission given by the next call.
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** The path of a file in it. */
  pathOf(name: string): string {
    return join(this.path, name);
  }

  /** Writes a new file. @returns false when the name is taken; nothing is written then. */
  async create(name: string, content: string | Uint8Array): Promise<boolean> {
    const temporary = await this.#writeBeside(name, content);
    try {
      // Unlike a rename, a link never replaces what another process has put there.
      const created = await unlessErrno(
        "EEXIST",
        link(temporary, this.pathOf(name)).then(() => true),
      );
      if (created === undefined) return false;
    } finally {
      await unlink(temporary);
    }
    await this.flush();
    return true;
  }

  /** Writes a file, in place of the one that stands there. */
  async replace(name: string, text: string): Promise<void> {
    const temporary = await this.#writeBeside(name, text);
    try {
      await rename(temporary, this.pathOf(name));
    } catch (error) {
      await unlink(temporary);
      throw error;
    }
    await this.flush();
  }

  /** @returns the file's text, or `undefined` when there is none. */
  async read(name: string): Promise<string | undefined> {
    await this.open();
    return unlessErrno("ENOENT", readFile(this.pathOf(name), "utf8"));
  }

  /** @returns whether there was such a file. */
  async remove(name: string): Promise<boolean> {
    const removed = await this.removeSoon(name);
    if (removed) await this.flush();
    return removed;
  }

  /** As `remove`, but a power failure within the next seconds may bring the file back. */
  async removeSoon(name: string): Promise<boolean> {
    await this.open();
    const removed = await unlessErrno(
      "ENOENT",
      unlink(this.pathOf(name)).then(() => true),
    );
    return removed ?? false;
  }

  /** Gives a file another name unless that one is taken. @returns whether it did. */
  async move(from: string, to: string): Promise<boolean> {
    await this.open();
    const linked = await unlessErrno(
      "EEXIST",
      link(this.pathOf(from), this.pathOf(to)).then(() => true),
    );
    if (linked === undefined) return false;
    await unlink(this.pathOf(from));
    await this.flush();
    return true;
  }

  /** The names of its files that end in `suffix`, sorted. */
  async names(suffix: string): Promise<string[]> {
    await this.open();
    return (await readdir(this.path)).filter((name) => name.endsWith(suffix)).sort();
  }

  /** Sets a file aside that cannot be read, as `<stem>.corrupt`, and reports it. An earlier one is never replaced. */
  async quarantine(name: string, reason: string): Promise<void> {
    const stem = name.replace(/\.[^.]*$/, "");
    for (let aside = `${stem}.corrupt`; ; aside = `${stem}.${randomHex(4)}.corrupt`) {
      const moved = await unlessErrno("ENOENT", this.move(name, aside));
      // Another process that shares the directory has set it aside, and reported it.
      if (moved === undefined) return;
      if (moved) return this.#onQuarantine({ path: this.pathOf(aside), reason });
    }
  }

  /** Makes the names durable. Whoever asks while a flush is under way shares the next one. */
  flush(): Promise<void> {
    this.#nextFlush ??= (this.#flushing ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        this.#flushing = this.#nextFlush;
        this.#nextFlush = undefined;
        return flushDirectory(this.path);
      });
    return this.#nextFlush;
  }

  async #open(): Promise<void> {
    await makeDirectory(this.path);
    const { mode } = await stat(this.path);
    if ((mode & sticky) !== 0) {
      throw new Error(`${this.path} is a directory that users share, such as /tmp; give the store one of its own.`);
    }
    // One that was there before may be open to others; the files never are.
    if ((mode & 0o077) !== 0) await chmod(this.path, 0o700);
    for (const name of await readdir(this.path)) {
      if (!name.endsWith(".tmp")) continue;
      const status = await unlessErrno("ENOENT", stat(this.pathOf(name)));
      if (status === undefined || Date.now() - status.mtimeMs < oldestTemporaryMs) continue;
      await unlessErrno("ENOENT", unlink(this.pathOf(name)));
    }
  }

  async #writeBeside(name: string, content: string | Uint8Array): Promise<string> {
    await this.open();
    const temporary = this.pathOf(`${name}.${process.pid}.${randomHex(8)}.tmp`);
    await writeNewFile(temporary, content);
    return temporary;
  }
}

/** Writes a file that must not exist yet and flushes it; a failed one is taken away again. */
async function writeNewFile(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    try {
      await file.writeFile(content);
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await unlessErrno("ENOENT", unlink(path));
    throw error;
  }
}

/** Creates a directory and what is missing above it, 0700, and makes that durable. */
async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await flushDirectory(dirname(made));
}

/** Makes the entries of a directory durable. Windows has no such call, and keeps them durable by itself. */
export async function flushDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
