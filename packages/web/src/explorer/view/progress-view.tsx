import type { JSX } from "preact";
import { counted, grouped } from "../../shared/text.ts";
import type { ExplorerStore } from "../store.ts";
import { sizeText } from "../words.ts";

interface ProgressProps {
  readonly store: ExplorerStore;
  readonly name: string;
  readonly size: number;
}

export function ProgressView({ store, size }: ProgressProps): JSX.Element {
  const { lines = 0, bytes = 0, rejected = 0 } = store.progress.value ?? {};
  const share = size === 0 ? 0 : Math.min(100, Math.floor((100 * bytes) / size));
  return (
    <div class="panel padded verifying">
      <h2>Verifying</h2>
      <progress max={100} value={share} aria-label="How much of the file has been read" />
      <p>
        {grouped(String(lines))} lines, {sizeText(bytes)} of {sizeText(size)} ({share} %)
        {rejected > 0 && <span class="bad">, {counted(rejected, "line")} not accepted</span>}
      </p>
      <p>
        <button type="button" class="button" onClick={() => void store.reconsider()}>
          Stop
        </button>
      </p>
    </div>
  );
}
