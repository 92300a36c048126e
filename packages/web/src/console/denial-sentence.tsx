import type { Activity } from "imprest/internal";
import type { JSX } from "preact";
import { Foreign } from "../shared/foreign.tsx";
import { moneyText } from "../shared/money.ts";
import { reasonSentence } from "./reasons.ts";

/** Who asked for what, why it was refused, and what was left: one sentence. */
export function DenialSentence({ denial }: { readonly denial: Activity }): JSX.Element {
  const { agent, scope, action, estimate, remaining } = denial;
  const isShort = remaining !== undefined && estimate !== undefined;
  return (
    <>
      <strong>
        <Foreign text={agent ?? scope} most={60} />
      </strong>{" "}
      asked{estimate !== undefined && ` ${moneyText(estimate.amount, estimate.unit)}`}
      {action !== undefined && (
        <>
          {" "}
          for <Foreign text={`${action.name} (${action.kind})`} most={60} />
        </>
      )}
      {isShort ? (
        <>
          , but <strong>{moneyText(remaining, estimate.unit)}</strong> was left
        </>
      ) : (
        <>
          : <Reason denial={denial} />
        </>
      )}
      <Where denial={denial} isShort={isShort} />.
    </>
  );
}

function Reason({ denial: { reason } }: { readonly denial: Activity }): JSX.Element {
  const sentence = reasonSentence(reason);
  return sentence === undefined ? <Foreign text={reason ?? "no reason was given"} most={160} /> : <>{sentence}</>;
}

interface WhereProps {
  readonly denial: Activity;
  readonly isShort: boolean;
}

function Where({ denial: { blockedBy }, isShort }: WhereProps): JSX.Element {
  return (
    <>
      {blockedBy?.scope !== undefined && (
        <>
          {isShort ? " of " : ", at "}
          <Foreign text={blockedBy.scope} most={90} />
        </>
      )}
      {blockedBy?.policy !== undefined && (
        <>
          , by policy <Foreign text={blockedBy.policy} most={60} />
        </>
      )}
    </>
  );
}
