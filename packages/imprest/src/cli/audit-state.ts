import type { AuditConclusion, AuditorOptions, CheckpointSigner, OpenedCheckpoint } from "@imprest/asp/audit";
import type { FileIndex } from "@imprest/asp/node";
import { UsageError, type Values, textOf } from "./command.ts";
import { readText } from "./read-text.ts";
import type { Terminal } from "./terminal.ts";

/** The flags of `imprest verify` that carry an audit from one file to the next. */
export const auditStateOptions = {
  since: { type: "string" },
  checkpoint: { type: "string" },
  sign: { type: "string" },
  index: { type: "string" },
} as const;

/** What an audit goes on from, and where it leaves what the next one needs. */
export interface AuditState extends Pick<AuditorOptions, "since" | "index"> {
  /** Whether the feed goes on. */
  readonly more: boolean;
  save(conclusion: AuditConclusion): Promise<void>;
  /** Gives the index back; what was not saved is forgotten. */
  close(): void;
}

/** @throws UsageError naming the flag that cannot be used; ValidationError for a checkpoint that is none of this key. */
export async function openAuditState(values: Values, terminal: Terminal): Promise<AuditState> {
  const [from, to, sign] = [textOf(values, "since"), textOf(values, "checkpoint"), textOf(values, "sign")];
  const path = textOf(values, "index");
  if (from === undefined && to === undefined && sign === undefined && path === undefined) return plain;
  if (sign !== undefined && to === undefined && from === undefined) {
    throw new UsageError("--sign signs what --checkpoint writes and checks what --since reads; give one of them.");
  }
  const signer = sign === undefined ? undefined : await readSigner(sign);
  const opened = from === undefined ? undefined : await readSince(from, signer, terminal);
  const index = path === undefined ? undefined : await openIndex(path, opened);
  return {
    since: opened?.checkpoint,
    index,
    more: to !== undefined,
    async save({ checkpoint }) {
      if (to === undefined) return;
      const { openCheckpoint, sealCheckpoint } = await import("@imprest/asp/audit");
      const text = await sealCheckpoint(checkpoint, signer);
      const output = terminal.create(to);
      await output.write(`${text}\n`);
      await output.close();
      index?.commit((await openCheckpoint(text)).sha256);
    },
    close: () => index?.close(),
  };
}

const plain: AuditState = { more: false, save: async () => {}, close: () => {} };

type Signer = CheckpointSigner & { readonly publicKey: Uint8Array };

async function readSigner(path: string): Promise<Signer> {
  const { keyPairFromSeed } = await import("@imprest/core/audit");
  const { readSigningKey } = await import("./signing-key.ts");
  const key = await readSigningKey(path);
  return { ...key, publicKey: (await keyPairFromSeed(key.privateKey)).publicKey };
}

async function readSince(from: string, signer: Signer | undefined, terminal: Terminal): Promise<OpenedCheckpoint> {
  const { openCheckpoint } = await import("@imprest/asp/audit");
  return openCheckpoint(await readText(from, terminal), { publicKey: signer?.publicKey });
}

/** An index and a checkpoint know of the same events, or what is new would seem to come again. */
async function openIndex(path: string, opened: OpenedCheckpoint | undefined): Promise<FileIndex> {
  const { openFileIndex } = await import("@imprest/asp/node");
  const index = openFileIndex(path);
  if (index.checkpoint === opened?.sha256) return index;
  index.close();
  throw new UsageError(
    opened === undefined
      ? `--index ${path} is that of an earlier audit: give its checkpoint with --since, or another file.`
      : `--index ${path} is not that of the checkpoint of --since: both are of the same audit.`,
  );
}
