import type { Activity } from "imprest/internal";
import type { JSX } from "preact";
import { Foreign } from "../shared/foreign.tsx";
import { moneyText } from "../shared/money.ts";
import { reasonSentence } from "./reasons.ts";

/** Who asked for what, why it was refused, and what was left: one sentence. */
export function DenialSentence({ denial }: { readonly denial: Activity }): JSX.Element {
  const { agent, scope, action, estimate, remaining, blockedBy, reason, message } = denial;
  const why = reasonSentence(reason);
  return (
    <>
      <strong>
        <Foreign text={agent ?? scope} most={60} />
      </strong>{" "}
      asked {estimate === undefined ? "" : `${moneyText(estimate.amount, estimate.unit)} `}
      {action !== undefined && (
        <>
          for <Foreign text={`${action.kind} ${action.name}`.trim()} most={60} />
        </>
      )}
      {": "}
      {why ?? <Foreign text={message ?? reason ?? "no reason was given"} most={160} />}
      {remaining !== undefined && estimate !== undefined && (
        <>
          ; <strong>{moneyText(remaining, estimate.unit)}</strong> was left
        </>
      )}
      {blockedBy?.scope !== undefined && (
        <>
          {remaining === undefined ? ", by " : " of "}
          <Foreign text={blockedBy.scope} most={90} />
        </>
      )}
      {blockedBy?.policy !== undefined && (
        <>
          , by the policy <Foreign text={blockedBy.policy} most={60} />
        </>
      )}
      .
    </>
  );
}
