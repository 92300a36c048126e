import type { Action, ActionPolicyKeys } from "@imprest/core/models/cycles";
import type { DecideRequest, PolicyKeys } from "../ledger/requests.ts";

type LedgerAction = DecideRequest["action"];

/** The action of a request, in the words of the ledger. */
export function readAction({ policy_keys: keys, ...action }: Action): LedgerAction {
  return keys === undefined ? action : { ...action, policyKeys: readPolicyKeys(keys) };
}

/** The action of a reservation, in the words of the wire, which requires a name. */
export function writeAction({ policyKeys: keys, ...action }: LedgerAction): Action {
  const named = { ...action, name: action.name ?? action.kind };
  return keys === undefined ? named : { ...named, policy_keys: writePolicyKeys(keys) };
}

function readPolicyKeys(keys: ActionPolicyKeys): PolicyKeys {
  const { recipient_domain: recipientDomain, resource_type: resourceType, path_prefix: pathPrefix, ...same } = keys;
  return {
    ...same,
    ...(recipientDomain !== undefined && { recipientDomain }),
    ...(resourceType !== undefined && { resourceType }),
    ...(pathPrefix !== undefined && { pathPrefix }),
  };
}

export function writePolicyKeys({ recipientDomain, resourceType, pathPrefix, ...same }: PolicyKeys): ActionPolicyKeys {
  return {
    ...same,
    ...(recipientDomain !== undefined && { recipient_domain: recipientDomain }),
    ...(resourceType !== undefined && { resource_type: resourceType }),
    ...(pathPrefix !== undefined && { path_prefix: pathPrefix }),
  };
}
