/** The longest text of a member that the page keeps. What is longer is cut: a page that remembers 5,000 events stays small. */
const longest = 600;

/**
 * JSON as the console's process sends it, with long texts cut: an event of 1 MB is held by nothing once it is read.
 * @throws SyntaxError for text that is no JSON.
 */
export function readBounded(text: string): unknown {
  // Most events are far smaller than one text may be; only the others are walked.
  return text.length <= longest ? JSON.parse(text) : JSON.parse(text, (_key, value: unknown) => bounded(value));
}

function bounded(value: unknown): unknown {
  if (typeof value !== "string" || value.length <= longest) return value;
  // A slice alone would hold the whole text in memory; what is joined from parts does not.
  return `${Array.from(value.slice(0, longest - 1)).join("")}…`;
}
