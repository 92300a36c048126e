import type { Jwk } from "@imprest/core/audit";
import type { AspOptions, AspOveragePolicy } from "@imprest/embedded";
import { UsageError, type Values, textOf, textsOf, wholeOf } from "./command.ts";
import { readSigningKey } from "./signing-key.ts";
import { readJson } from "./read-json.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `--asp`, for `readArguments`. */
export const aspOptions = {
  asp: { type: "string" },
  "asp-key": { type: "string" },
  "asp-ttl": { type: "string" },
  "asp-grace": { type: "string" },
  "asp-overage": { type: "string", multiple: true },
  "asp-prefix": { type: "string" },
  "asp-retired": { type: "string", multiple: true },
} as const;

/** What a configuration file may say of ASP; a flag wins. */
export type AspConfig = Partial<Record<"issuer" | "key" | "prefix", string>> &
  Partial<Record<"ttlMs" | "graceWindowMs", number>> & {
    readonly overage?: readonly string[];
    readonly retiredKeys?: readonly string[];
  };

const dayMs = 86_400_000;
const longestGraceMs = 300_000;

/**
 * How `imprest serve` speaks ASP; `undefined` where it does not.
 * @throws UsageError for an issuer without its key, a key without its issuer, or an option of neither.
 */
export async function readAsp(
  values: Values,
  config: AspConfig | undefined,
  terminal: Terminal,
): Promise<AspOptions | undefined> {
  const issuer = textOf(values, "asp") ?? config?.issuer;
  const path = textOf(values, "asp-key") ?? config?.key;
  if (issuer === undefined && path === undefined) {
    const stray = Object.keys(aspOptions).find((name) => values[name] !== undefined);
    if (stray === undefined && config === undefined) return undefined;
    throw new UsageError(
      `${stray === undefined ? "asp of the configuration" : `--${stray}`} needs --asp and --asp-key.`,
    );
  }
  if (issuer === undefined || path === undefined) throw new UsageError("--asp and --asp-key go together.");
  const flagged = textsOf(values, "asp-overage");
  const retired = [...textsOf(values, "asp-retired"), ...(config?.retiredKeys ?? [])];
  const keys: Jwk[] = [];
  for (const file of retired) keys.push(...(await readRetired(file, terminal)));
  return {
    issuer,
    signingKey: await readSigningKey(path),
    typePrefix: textOf(values, "asp-prefix") ?? config?.prefix,
    ttlMs: wholeOf(values, "asp-ttl", dayMs) ?? config?.ttlMs,
    graceWindowMs: wholeOf(values, "asp-grace", longestGraceMs) ?? config?.graceWindowMs,
    overagePolicy: overageOf(flagged.length > 0 ? flagged : (config?.overage ?? [])),
    ...(keys.length > 0 && { retiredKeys: keys }),
  };
}

/** `CHARGE_OVERAGE` for every budget, or `BUDGET=CHARGE_OVERAGE` for one (ASP §3.1: "opt-in per Budget"). */
function overageOf(given: readonly string[]): AspOptions["overagePolicy"] {
  if (given.length === 0) return undefined;
  const policies = new Map<string, AspOveragePolicy>();
  for (const argument of given) {
    const at = argument.lastIndexOf("=");
    const policy = argument.slice(at + 1);
    if (policy !== "REJECT" && policy !== "CHARGE_OVERAGE") {
      throw new UsageError(`--asp-overage ${argument}: write REJECT, CHARGE_OVERAGE or BUDGET=CHARGE_OVERAGE.`);
    }
    // The authority asks with the id in lower case, as scopes are written.
    policies.set(at === -1 ? "" : argument.slice(0, at).toLowerCase(), policy);
  }
  const [[only = "", policy] = []] = policies;
  if (policies.size === 1 && only === "") return policy;
  return (budgetId) => policies.get(budgetId) ?? policies.get("") ?? "REJECT";
}

/** The public keys of a JWK Set, or of a file with one key. A private member would be published: it is refused. */
async function readRetired(path: string, terminal: Terminal): Promise<Jwk[]> {
  const json = (await readJson(path, terminal)) as { readonly keys?: unknown } | null;
  const keys: unknown = json?.keys ?? [json];
  if (!Array.isArray(keys) || !keys.every(isPublicKey)) {
    throw new UsageError(`--asp-retired ${path} holds no JWK Set of public keys with a kid.`);
  }
  return keys;
}

function isPublicKey(key: unknown): key is Jwk {
  return typeof key === "object" && key !== null && "kid" in key && "x" in key && !("d" in key);
}
