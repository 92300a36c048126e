import type { Terminal } from "./terminal.ts";

/** The whole of a file, or of standard input for `-`, as text. */
export async function readText(path: string, terminal: Terminal): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of terminal.open(path)) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}
