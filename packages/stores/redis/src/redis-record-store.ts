import { type RecordStore, type RecordValue, type StoredRecord } from "@imprest/core";
import { decodeRecordKey, encodeRecordKey } from "@imprest/core/internal";

/**
 * What the store needs of a Redis client. A client of `redis` or `@redis/client` is one; `ioredis` becomes one with
 * `{ sendCommand: ([name, ...rest]) => redis.call(name, ...rest) }`.
 */
export interface RedisCommands {
  /** As of `@redis/client`: a command and its arguments. */
  sendCommand(args: readonly string[]): Promise<unknown>;
}

/** Which keys of which server hold the records. */
export interface RedisRecordStoreOptions {
  /** What the store's keys start with in Redis; `imprest:` when absent. */
  readonly prefix?: string | undefined;
}

// Redis runs a script without anything in between, so each of these is one compare-and-set.
const createScript = `
  if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
  redis.call('HSET', KEYS[1], 'value', ARGV[1], 'version', ARGV[2])
  return 1`;
const replaceScript = `
  if redis.call('HGET', KEYS[1], 'version') ~= ARGV[3] then return 0 end
  redis.call('HSET', KEYS[1], 'value', ARGV[1], 'version', ARGV[2])
  return 1`;
const deleteScript = `
  if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
  return redis.call('DEL', KEYS[1])`;

/**
 * Records in Redis, shared by whatever reaches it. Run it with `appendonly yes` and `appendfsync always`: a write is as
 * durable as Redis itself is, and without them a crash of Redis forgets the last second. Replicas that take over forget
 * what had not reached them. Keys never expire, and an eviction policy other than `noeviction` forgets used mandates.
 * The client is the caller's: `close` leaves it open.
 * @example
 * const authority = new CyclesAuthority(client, { records: redisRecordStore(redis) });
 */
export function redisRecordStore(client: RedisCommands, options: RedisRecordStoreOptions = {}): RecordStore {
  const { prefix: ours = "imprest:" } = options;
  const nameOf = (key: string): string => `${ours}${encodeRecordKey(key)}`;
  const run = async (script: string, key: string, ...args: string[]): Promise<boolean> =>
    Number(await client.sendCommand(["EVAL", script, "1", nameOf(key), ...args])) > 0;
  const read = async (key: string): Promise<StoredRecord | undefined> => {
    const [value, version] = asTexts(await client.sendCommand(["HMGET", nameOf(key), "value", "version"]));
    if (value === undefined || version === undefined) return undefined;
    return { key, value: JSON.parse(value) as RecordValue, version };
  };
  return {
    async create(key, value) {
      const version = crypto.randomUUID();
      return (await run(createScript, key, JSON.stringify(value), version)) ? version : undefined;
    },
    read,
    async replace(key, value, version) {
      const written = crypto.randomUUID();
      return (await run(replaceScript, key, JSON.stringify(value), written, version)) ? written : undefined;
    },
    async delete(key, version) {
      if (version !== undefined) return run(deleteScript, key, version);
      return Number(await client.sendCommand(["DEL", nameOf(key)])) > 0;
    },
    async *scan(prefix) {
      // SCAN may return a key twice, and a key that was there all the time at least once.
      const told = new Set<string>();
      const pattern = `${nameOf(prefix).replace(/[\\*?[\]^-]/g, "\\$&")}*`;
      let cursor = "0";
      do {
        const answer = await client.sendCommand(["SCAN", cursor, "MATCH", pattern, "COUNT", "500"]);
        const [next, keys] = answer as readonly [unknown, unknown];
        cursor = String(next);
        for (const key of asTexts(keys)) {
          if (key === undefined || told.has(key)) continue;
          told.add(key);
          const record = await read(decodeRecordKey(key.slice(ours.length)));
          if (record !== undefined) yield record;
        }
      } while (cursor !== "0");
    },
  };
}

function asTexts(value: unknown): readonly (string | undefined)[] {
  return Array.isArray(value) ? value.map((item: unknown) => (typeof item === "string" ? item : undefined)) : [];
}
