import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Foreign } from "../../shared/foreign.tsx";
import { Icon } from "../../shared/icon.tsx";
import { Blank, Notice, Shell } from "../../shared/shell.tsx";
import type { ExplorerStore } from "../store.ts";
import { AskingView } from "./asking-view.tsx";
import { FileButton } from "./file-button.tsx";
import { ProgressView } from "./progress-view.tsx";
import { ResultView } from "./result-view.tsx";

export interface StoreProps {
  readonly store: ExplorerStore;
}

export function Explorer({ store }: StoreProps): JSX.Element {
  useEffect(() => acceptDrops(store), [store]);
  useEffect(() => listenForKeys(store), [store]);
  const complaint = store.complaint.value;
  return (
    <Shell title="Imprest audit explorer" about={<About store={store} />} status={<AnotherFile store={store} />}>
      {complaint !== undefined && (
        <Notice tone="bad">
          <Foreign text={complaint} most={400} />
        </Notice>
      )}
      <Stage store={store} />
    </Shell>
  );
}

function Stage({ store }: StoreProps): JSX.Element {
  const stage = store.stage.value;
  switch (stage.kind) {
    case "empty":
      return <Welcome store={store} />;
    case "inspecting":
      return (
        <div class="panel" role="status">
          <Blank title="Reading the file">
            <p class="pulse">Its beginning shows what it is.</p>
          </Blank>
        </div>
      );
    case "asking":
      return <AskingView store={store} inspection={stage.inspection} />;
    case "verifying":
      return <ProgressView store={store} name={stage.name} size={stage.size} />;
    case "failed":
      return <Failed store={store} name={stage.name} message={stage.message} />;
    case "done":
  }
  return <ResultView store={store} summary={stage.summary} name={stage.name} />;
}

function About({ store }: StoreProps): JSX.Element | null {
  const stage = store.stage.value;
  const name = "name" in stage ? stage.name : stage.kind === "asking" ? stage.inspection.name : undefined;
  return name === undefined ? null : <Foreign text={name} most={60} />;
}

function AnotherFile({ store }: StoreProps): JSX.Element | null {
  const { kind } = store.stage.value;
  if (kind === "empty" || kind === "inspecting" || kind === "verifying") return null;
  return (
    <button type="button" class="button" onClick={() => store.reset()}>
      Another file
    </button>
  );
}

function Welcome({ store }: StoreProps): JSX.Element {
  return (
    <div class="panel drop">
      <Blank title="Drop a feed here">
        <p>
          One signed statement a line, as NDJSON or gzipped: ASP events, Cycles evidence envelopes, or AP2 payment
          receipts. Drop the issuer's keys (a JWK Set) with it, and the promised events where you kept them.
        </p>
        <p>
          <FileButton label="Choose files" class="button primary" onFiles={(files) => store.take(files)} />
        </p>
        <p>Nothing leaves this page: it verifies in this browser, and works offline.</p>
      </Blank>
    </div>
  );
}

function Failed({
  store,
  name,
  message,
}: StoreProps & { readonly name: string; readonly message: string }): JSX.Element {
  return (
    <>
      <Notice tone="bad">
        <Foreign text={message} most={400} />
      </Notice>
      <div class="panel">
        <Blank title="The feed was not verified">
          <p>
            Nothing can be said of <Foreign text={name} most={80} />.
          </p>
          <p class="buttons">
            <button type="button" class="button" onClick={() => void store.reconsider()}>
              <Icon name="open" /> Try again
            </button>
            <FileButton label="Choose another file" class="button" onFiles={(files) => store.take(files)} />
          </p>
        </Blank>
      </div>
    </>
  );
}

/** The whole page takes what is dropped. @returns what ends that. */
function acceptDrops(store: ExplorerStore): () => void {
  const over = (event: DragEvent): void => event.preventDefault();
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) void store.take(files);
  };
  addEventListener("dragover", over);
  addEventListener("drop", drop);
  return () => {
    removeEventListener("dragover", over);
    removeEventListener("drop", drop);
  };
}

/** `/` goes to the search, Escape closes what is open. @returns what ends that. */
function listenForKeys(store: ExplorerStore): () => void {
  const pressed = (event: KeyboardEvent): void => {
    const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    if (event.key === "Escape" && store.opened.value !== undefined) {
      store.opened.value = undefined;
      document.querySelector<HTMLElement>("#view [tabindex='0']")?.focus();
    } else if (event.key === "/" && !isTyping) {
      event.preventDefault();
      document.querySelector<HTMLElement>("#find")?.focus();
    }
  };
  addEventListener("keydown", pressed);
  return () => removeEventListener("keydown", pressed);
}
