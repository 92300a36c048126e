import type { JSX } from "preact";
import { useRef } from "preact/hooks";

interface FileButtonProps {
  readonly label: string;
  readonly class: string;
  readonly onFiles: (files: readonly File[]) => unknown;
}

/** A button that lets the reader choose files. */
export function FileButton({ label, class: className, onFiles }: FileButtonProps): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  const chosen = (field: HTMLInputElement): void => {
    const files = [...(field.files ?? [])];
    // The same file may be chosen again after it changed.
    field.value = "";
    if (files.length > 0) onFiles(files);
  };
  return (
    <>
      <button type="button" class={className} onClick={() => input.current?.click()}>
        {label}
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={label}
        onChange={(event) => chosen(event.currentTarget)}
      />
    </>
  );
}
