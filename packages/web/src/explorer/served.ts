import type { ExplorerSetup } from "imprest/internal";
import type { GivenKeys, Verification } from "./audit/messages.ts";

/** What `imprest verify --open` serves beside this page; `undefined` where the page stands by itself. */
export async function readServed(): Promise<Verification | undefined> {
  // On a site there is nothing to ask for, and offline nobody to ask.
  if (location.hostname !== "127.0.0.1" && location.hostname !== "localhost") return undefined;
  const answer = await fetch("api/setup").catch(() => undefined);
  // A site on this machine may answer every address with a page.
  const isJson = answer?.headers.get("content-type")?.startsWith("application/json") === true;
  if (answer?.ok !== true || !isJson) return undefined;
  const setup = (await answer.json()) as ExplorerSetup;
  const { name, size, origins, jwks, allowLoopbackHttp, notAfterMs, promised, order, graceWindowMs, expected } = setup;
  const keys = Object.entries(jwks).map(([issuer, set]): GivenKeys => ({
    issuer,
    name: "keys of the command line",
    text: JSON.stringify(set),
  }));
  return {
    feed: { kind: "served", url: new URL("api/feed", location.href).href, name, size },
    form: "asp",
    issuers: origins,
    keys,
    allowLoopbackHttp,
    notAfterMs,
    promised: promised?.map((event) => JSON.stringify(event)).join("\n"),
    order,
    graceWindowMs,
    expected,
  };
}
