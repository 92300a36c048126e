import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { Foreign } from "../../shared/foreign.tsx";
import { Icon } from "../../shared/icon.tsx";
import type { ExplorerStore } from "../store.ts";

interface IssuerListProps {
  readonly store: ExplorerStore;
  /** Who the statements say they are from. */
  readonly claimed: readonly string[];
  readonly what: "origin" | "server_id";
}

/** Issuers that the reader trusts, and those that the file names. */
export function IssuerList({ store, claimed, what }: IssuerListProps): JSX.Element {
  const trusted = store.issuers.value;
  const others = claimed.filter((issuer) => !trusted.includes(issuer));
  return (
    <section class="panel padded">
      <h2>Whom do you trust?</h2>
      {trusted.length > 0 && (
        <ul class="choices">
          {trusted.map((issuer) => (
            <li key={issuer}>
              <span class="good">
                <Icon name="good" /> trusted
              </span>{" "}
              <Foreign text={issuer} mono />{" "}
              <button type="button" class="button plain" onClick={() => store.distrust(issuer)}>
                Take back<span class="hidden-text"> the trust in {issuer.slice(0, 80)}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {others.length > 0 && (
        <>
          <p>The file says that it is from here. Trust it only where you know so from elsewhere.</p>
          <ul class="choices">
            {others.map((issuer) => (
              <li key={issuer}>
                <button type="button" class="button" onClick={() => store.trust(issuer)}>
                  Trust <Foreign text={issuer} most={80} mono />
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      <OtherIssuer store={store} what={what} />
      {what === "origin" && [...trusted, ...claimed].some((issuer) => issuer.startsWith("http:")) && (
        <p>
          <label>
            <input
              type="checkbox"
              checked={store.allowsLoopback.value}
              onChange={(event) => (store.allowsLoopback.value = event.currentTarget.checked)}
            />{" "}
            Also trust http: origins of this machine, as <code>--allow-loopback</code> does
          </label>
        </p>
      )}
    </section>
  );
}

function OtherIssuer({ store, what }: Pick<IssuerListProps, "store" | "what">): JSX.Element {
  const text = useSignal("");
  const add = (): void => {
    store.trust(text.value.trim());
    text.value = "";
  };
  return (
    <div class="adding">
      <label class="field grow">
        {what === "origin" ? "Another origin" : "Another server_id"}
        <input
          type="text"
          autoComplete="off"
          spellcheck={false}
          placeholder={what === "origin" ? "https://authority.example" : "https://authority.example/v1"}
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            add();
          }}
        />
      </label>
      <button type="button" class="button" onClick={add}>
        <Icon name="plus" /> Trust
      </button>
    </div>
  );
}
