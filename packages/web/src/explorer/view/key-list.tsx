import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { Foreign } from "../../shared/foreign.tsx";
import { Icon } from "../../shared/icon.tsx";
import type { GivenKeys } from "../audit/messages.ts";
import type { ExplorerStore } from "../store.ts";
import { FileButton } from "./file-button.tsx";

/** Key sets, and whose they are: nobody signs with the key of another. */
export function KeyList({ store }: { readonly store: ExplorerStore }): JSX.Element {
  return (
    <section class="panel padded">
      <h2>Their keys</h2>
      {store.keys.value.length > 0 && (
        <ul class="choices">
          {store.keys.value.map((keys, at) => (
            <KeyRow key={at} store={store} keys={keys} at={at} />
          ))}
        </ul>
      )}
      <p>
        A JWK Set, current or archived, such as the issuer publishes under <code>/.well-known/asp-jwks.json</code>.
      </p>
      <p>
        <FileButton label="Choose key files" class="button" onFiles={(files) => store.take(files)} />
      </p>
      <Paste store={store} />
    </section>
  );
}

interface KeyRowProps {
  readonly store: ExplorerStore;
  readonly keys: GivenKeys;
  readonly at: number;
}

function KeyRow({ store, keys, at }: KeyRowProps): JSX.Element {
  const all = store.keys.value;
  const assign = (issuer: string): void => void (store.keys.value = all.with(at, { ...keys, issuer }));
  return (
    <li>
      <Foreign text={keys.name} most={60} /> of{" "}
      <select
        aria-label={`Whose keys ${keys.name.slice(0, 60)} holds`}
        value={keys.issuer}
        onChange={(event) => assign(event.currentTarget.value)}
      >
        <option value="">nobody that is trusted yet</option>
        {store.issuers.value.map((issuer) => (
          <option key={issuer} value={issuer}>
            {issuer.slice(0, 100)}
          </option>
        ))}
      </select>{" "}
      <button
        type="button"
        class="button plain"
        onClick={() => (store.keys.value = all.filter((_, other) => other !== at))}
      >
        Remove<span class="hidden-text"> {keys.name.slice(0, 60)}</span>
      </button>
    </li>
  );
}

function Paste({ store }: { readonly store: ExplorerStore }): JSX.Element {
  const text = useSignal("");
  return (
    <div class="adding">
      <label class="field grow">
        Or paste a JWK or a JWK Set
        <textarea
          rows={2}
          spellcheck={false}
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
      </label>
      <button
        type="button"
        class="button"
        onClick={() => {
          if (text.value.trim() !== "") store.addKeys("pasted keys", text.value);
          text.value = "";
        }}
      >
        <Icon name="plus" /> Add
      </button>
    </div>
  );
}
