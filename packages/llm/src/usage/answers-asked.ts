import { isBag, snakeCase } from "./members.ts";

type RequestBody = Readonly<Record<string, unknown>>;

const settings = ["generationConfig", "generation_config", "inferenceConfig", "config", "toolConfig"];

/** The body of a request and the objects within it that hold settings. */
export function partsOf(body: RequestBody): readonly RequestBody[] {
  return [body, ...settings.map((name) => body[name]).filter(isBag)];
}

/** Members that ask for several answers to a prompt, in any spelling. */
const counts = new Set([
  "n",
  "best_of",
  "candidate_count",
  "num_generations",
  "num_completions",
  "num_return_sequences",
]);

/** Counts of answers that a request states, with their pointers; a form holds numbers as text. */
export function statedCounts(body: RequestBody): readonly (readonly [pointer: string, count: unknown])[] {
  return partsOf(body).flatMap((part) =>
    Object.entries(part)
      .filter(([name, value]) => counts.has(snakeCase(name)) && value !== undefined && value !== null)
      .map(([name, value]) => [`/request/${name}`, value] as const),
  );
}

/** How many answers a request asks for: so many for each of its prompts. */
export function answersAsked(body: RequestBody): number {
  const asked = statedCounts(body).map(([, count]) => Number(count));
  return Math.max(1, ...asked.filter((count) => Number.isSafeInteger(count))) * promptsOf(body);
}

/** Completions of the older kind take several prompts, and answer each; a list of numbers is one prompt, as tokens. */
function promptsOf({ prompt }: RequestBody): number {
  const isSeveral = Array.isArray(prompt) && prompt.some((one) => typeof one !== "number");
  return isSeveral ? prompt.length : 1;
}
