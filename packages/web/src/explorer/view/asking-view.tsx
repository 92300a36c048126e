import type { JSX } from "preact";
import { Foreign } from "../../shared/foreign.tsx";
import { Icon } from "../../shared/icon.tsx";
import { Blank, Notice } from "../../shared/shell.tsx";
import type { Inspection } from "../audit/messages.ts";
import type { ExplorerStore } from "../store.ts";
import { formNames, sizeText } from "../words.ts";
import { FileButton } from "./file-button.tsx";
import { IssuerList } from "./issuer-list.tsx";
import { KeyList } from "./key-list.tsx";

interface AskingProps {
  readonly store: ExplorerStore;
  readonly inspection: Inspection;
}

/** Whom to believe is the reader's to say: the feed only claims it. */
export function AskingView({ store, inspection }: AskingProps): JSX.Element {
  const { form, name, size, gzip, issuers } = inspection;
  if (form === undefined) return <NoForm store={store} name={name} />;
  const isAsp = form === "asp";
  const hasKeys = store.keys.value.some(({ issuer }) => issuer !== "");
  const isReady = isAsp ? store.issuers.value.length > 0 && hasKeys : true;
  return (
    <form
      class="asking"
      onSubmit={(event) => {
        event.preventDefault();
        if (isReady) void store.start(form);
      }}
    >
      <section class="panel padded">
        <h2>The file</h2>
        <p>
          <Foreign text={name} most={120} />: {sizeText(size)}
          {gzip && ", gzipped"}, {formNames[form].many}
        </p>
      </section>
      <IssuerList store={store} claimed={issuers} what={isAsp ? "origin" : "server_id"} />
      <KeyList store={store} />
      {isAsp && <FeedOptions store={store} />}
      <p class="buttons">
        <button type="submit" class="button primary" disabled={!isReady}>
          Verify
        </button>
        {!isReady && <span class="muted">Trust an issuer and give its keys first.</span>}
        {isReady && !hasKeys && (
          <span class="muted">Without keys a signature is checked, and whose it is stays open.</span>
        )}
      </p>
    </form>
  );
}

function FeedOptions({ store }: { readonly store: ExplorerStore }): JSX.Element {
  const promised = store.promised.value;
  return (
    <section class="panel padded">
      <h2>What else is known</h2>
      <div class="fields">
        <label class="field">
          Order of the lines
          <select
            value={store.order.value}
            onChange={(event) => (store.order.value = event.currentTarget.value === "any" ? "any" : "feed")}
          >
            <option value="feed">as the authority emitted them</option>
            <option value="any">no particular order</option>
          </select>
        </label>
        <label class="field">
          Grace window of the authority, in milliseconds
          <input
            type="text"
            inputMode="numeric"
            pattern="[0-9]{0,7}"
            placeholder="not known"
            value={store.graceMs.value}
            onInput={(event) => (store.graceMs.value = event.currentTarget.value)}
          />
        </label>
      </div>
      <p>
        {promised === undefined ? (
          "No promised events: drop the file where you kept them, and each must be in the feed as it was answered."
        ) : (
          <>
            <Icon name="good" /> Promised events of <Foreign text={promised.name} most={80} />{" "}
            <button type="button" class="button plain" onClick={() => (store.promised.value = undefined)}>
              Leave them out
            </button>
          </>
        )}
      </p>
    </section>
  );
}

function NoForm({ store, name }: { readonly store: ExplorerStore; readonly name: string }): JSX.Element {
  return (
    <>
      <Notice tone="bad">
        No line at the beginning of <Foreign text={name} most={80} /> is an ASP event, a Cycles evidence envelope or an
        AP2 receipt.
      </Notice>
      <div class="panel">
        <Blank title="This file is none of the three">
          <p>
            An ASP event has type, source and data; an envelope has evidence_id and signer_did; a receipt has schema.
          </p>
          <p>
            <FileButton label="Choose another file" class="button" onFiles={(files) => store.take(files)} />
          </p>
        </Blank>
      </div>
    </>
  );
}
