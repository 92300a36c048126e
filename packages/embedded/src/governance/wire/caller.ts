import type { AdminKeys } from "../../access/admin-keys.ts";
import type { ApiKeys } from "../../access/api-keys.ts";
import { Refused } from "../../cycles/refused.ts";
import type { ScopeFilter } from "../../ledger/scope-filter.ts";
import type { WireRequest } from "../../http/wire.ts";

/** Who calls. */
export type Caller =
  | { readonly role: "admin" }
  | {
      readonly role: "tenant";
      readonly tenant: string;
      readonly keyId: string;
      /** The scopes that the key may act in. */
      readonly within: ScopeFilter | undefined;
    };

/** The tenant that a key speaks for. @throws Refused UNAUTHORIZED. */
export function tenantCaller(request: WireRequest, apiKeys: ApiKeys): Caller & { readonly role: "tenant" } {
  const key = request.header("x-cycles-api-key");
  if (key === undefined || key === "") throw new Refused("UNAUTHORIZED", "Send an API key in X-Cycles-API-Key.");
  const holder = apiKeys.holderOf(key);
  if (holder === undefined) throw new Refused("UNAUTHORIZED", "The API key is unknown or revoked.");
  return { role: "tenant", tenant: holder.tenant, keyId: holder.id, within: holder.scopeFilter };
}

/** @throws Refused UNAUTHORIZED. */
export function adminCaller(request: WireRequest, adminKeys: AdminKeys): Caller {
  const key = request.header("x-admin-api-key");
  if (key === undefined || key === "") throw new Refused("UNAUTHORIZED", "Send the admin key in X-Admin-API-Key.");
  if (!adminKeys.accepts(key)) throw new Refused("UNAUTHORIZED", "The admin key is unknown.");
  return { role: "admin" };
}
