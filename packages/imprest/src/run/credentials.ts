/** Headers that hold a credential of a provider; `cookie` belongs to a browser. */
const headerNames = ["authorization", "x-api-key", "api-key", "x-goog-api-key"] as const;
const removed = [...headerNames, "cookie", "proxy-authorization"];

/** Where a child put its credential. */
interface Found {
  readonly key: string;
  readonly put: (headers: Headers, query: URLSearchParams) => void;
}

/**
 * Takes every credential off a request and puts the real key where the child had its own.
 * @returns whether the child is known: it presented a credential of `keys`.
 */
export function exchangeCredential(
  headers: Headers,
  query: URLSearchParams,
  keys: ReadonlyMap<string, string>,
): boolean {
  const found = find(headers, query, keys);
  for (const name of removed) headers.delete(name);
  query.delete("key");
  found?.put(headers, query);
  return found !== undefined;
}

function find(headers: Headers, query: URLSearchParams, keys: ReadonlyMap<string, string>): Found | undefined {
  for (const name of headerNames) {
    const value = headers.get(name);
    if (value === null) continue;
    const scheme = name === "authorization" ? (/^bearer +/i.exec(value)?.[0] ?? "") : "";
    const key = keyFor(value.slice(scheme.length), keys);
    if (key !== undefined) return { key, put: (to) => to.set(name, scheme + key) };
  }
  const key = keyFor(query.get("key") ?? "", keys);
  return key === undefined ? undefined : { key, put: (_, to) => to.set("key", key) };
}

/** Every credential is compared as a whole: how long it takes says nothing of where two differ. */
function keyFor(presented: string, keys: ReadonlyMap<string, string>): string | undefined {
  let found: string | undefined;
  for (const [credential, key] of keys) if (isSame(presented, credential)) found = key;
  return found;
}

function isSame(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let at = 0; at < one.length; at += 1) difference |= one.charCodeAt(at) ^ other.charCodeAt(at);
  return difference === 0;
}
