import { Secret } from "@imprest/core/internal";
import type { WireCredential } from "@imprest/core/models/arcp";

/** A key to one upstream service, as narrow as the job's lease (ARCP §9.8). Printing it shows no secret. */
export interface JobCredential {
  readonly id: string;
  readonly scheme: string;
  readonly value: Secret;
  /** The only base URL at which the value may be presented. */
  readonly endpoint: string;
  readonly profile?: string | undefined;
  /** What the upstream enforces, as the runtime wrote it; nothing follows from what is absent (ARCP §9.8.3). */
  readonly constraints?: Readonly<Record<string, unknown>> | undefined;
}

/** The credentials of one job: kept while it runs, replaced when rotated, gone when it ends (ARCP §9.8.2). */
export class JobCredentials implements Iterable<JobCredential> {
  readonly #usable = new Map<string, JobCredential>();
  readonly #ignored: JobCredential[] = [];
  readonly #listeners = new Set<(credential: JobCredential) => unknown>();

  /** @param wire `job.accepted.credentials`. */
  constructor(wire: readonly WireCredential[] = []) {
    for (const entry of wire) {
      const credential = credentialOf(entry);
      if (credential.scheme === "bearer") this.#usable.set(credential.id, credential);
      else this.#ignored.push(credential);
    }
  }

  /** Each credential as it stands now, a rotated one with its new value. */
  [Symbol.iterator](): Iterator<JobCredential> {
    return this.#usable.values();
  }

  get size(): number {
    return this.#usable.size;
  }

  /** Credentials of a scheme this library does not know, kept aside (ARCP §9.8.1). */
  get ignored(): readonly JobCredential[] {
    return this.#ignored;
  }

  /** The credential of that id; `undefined` when the runtime issued none. */
  get(id: string): JobCredential | undefined {
    return this.#usable.get(id);
  }

  /** The credential that may be presented at `url`: its endpoint is the same origin, and a parent path or the same. */
  forUrl(url: string | URL): JobCredential | undefined {
    const target = new URL(url);
    for (const credential of this.#usable.values()) {
      if (!URL.canParse(credential.endpoint)) continue;
      const endpoint = new URL(credential.endpoint);
      const base = endpoint.pathname.endsWith("/") ? endpoint.pathname : `${endpoint.pathname}/`;
      if (target.origin === endpoint.origin && `${target.pathname}/`.startsWith(base)) return credential;
    }
    return undefined;
  }

  /** Calls `listener` with each rotated credential. @returns the function that takes it away. */
  onRotate(listener: (credential: JobCredential) => unknown): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes in `status{phase: "credential_rotated"}`. @returns the listeners to call, with the new credential. */
  rotate(id: string, value: string): void {
    const old = this.#usable.get(id);
    if (old === undefined) return;
    const credential = { ...old, value: new Secret(value) };
    this.#usable.set(id, credential);
    for (const listener of this.#listeners) listener(credential);
  }

  /** The job has ended: the values must not be kept (ARCP §9.8.2). */
  clear(): void {
    this.#usable.clear();
    this.#ignored.length = 0;
    this.#listeners.clear();
  }

  /** Without the values: a credential is never written down (ARCP §14). */
  toJSON(): readonly JobCredential[] {
    return [...this.#usable.values()];
  }
}

function credentialOf({ id, scheme, value, endpoint, profile, constraints }: WireCredential): JobCredential {
  return { id, scheme, value: new Secret(value), endpoint, profile, constraints };
}
