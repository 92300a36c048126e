import { isBag, snakeCase } from "../usage/members.ts";

type Bag = Readonly<Record<string, unknown>>;

/** Members that point at what the request does not hold, or hold what is not counted by its bytes; in any spelling. */
const pointing = new Set([
  "image_url",
  "image",
  "images",
  "video_url",
  "video",
  "audio",
  "input_audio",
  "inline_data",
  "file_data",
  "file",
  "file_id",
  "file_url",
  "document_url",
  "previous_response_id",
  "conversation",
  "cached_content",
  "container",
]);
/** What an own program put there: names in it mean nothing. */
const opaque = new Set(["tools", "arguments", "args", "parameters", "response_format", "response_schema", "metadata"]);

/**
 * The first member, as a pointer, whose tokens do not show in its bytes; `undefined` where there is none.
 * @param isSkipped for members that the caller counts otherwise.
 */
export function findPointing(
  value: unknown,
  pointer: string,
  isSkipped: (member: unknown) => boolean = () => false,
): string | undefined {
  if (Array.isArray(value)) {
    for (const [at, member] of value.entries()) {
      const isKept = isBag(member) && isKeptItem(member) && !isSkipped(member);
      const found = isKept ? `${pointer}/${at}` : findPointing(member, `${pointer}/${at}`, isSkipped);
      if (found !== undefined) return found;
    }
  }
  if (!isBag(value)) return undefined;
  if (isMedium(value)) return isSkipped(value) ? undefined : pointer;
  for (const [spelled, member] of Object.entries(value)) {
    const name = snakeCase(spelled);
    if (member === null || member === undefined || opaque.has(name)) continue;
    if (name === "input" && value["type"] === "tool_use") continue;
    // A prompt of OpenAI's that is kept there stands in the request by its id alone.
    const isKept = name === "prompt" && isBag(member);
    if (isKept || pointing.has(name) || isSource(name, member)) {
      if (isSkipped(member)) continue;
      return `${pointer}/${spelled}`;
    }
    const found = findPointing(member, `${pointer}/${spelled}`, isSkipped);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A part of a message that is no text, by its type: `input_image`, the AI SDK's `file`. */
function isMedium({ type, source }: Bag): boolean {
  const isNamed =
    typeof type === "string" && /^(?:item_reference$|(?:input_)?(?:image|file|audio|video|document))/.test(type);
  return isNamed && (source === undefined || isSource("source", source));
}

/** What an item of OpenAI's holds where it is not read from what is kept there under its id. */
const held = ["content", "text", "function", "custom", "arguments", "input", "output", "action", "operation", "tools"];
const heldResults = ["output", "outputs", "result", "results", "encrypted_content"];
const hosted = /^(?:web_search|file_search|code_interpreter|image_generation|mcp)_call$/;

/** A member of a list that is given by its id, whatever its type: reasoning, a message, what a tool of the provider's has found. */
function isKeptItem(item: Bag): boolean {
  const { id, type } = item;
  if (typeof id !== "string") return false;
  if (type === undefined || type === null) return Object.keys(item).every((name) => name === "id" || name === "type");
  if (typeof type !== "string") return false;
  const members = hosted.test(type) ? heldResults : [...held, ...heldResults, "source", "data", "thinking", "args"];
  return members.every((name) => item[name] === undefined || item[name] === null);
}

/** Anthropic's and Bedrock's documents and images; a document of plain text is counted by its bytes. */
function isSource(name: string, member: unknown): boolean {
  return name === "source" && isBag(member) && member["type"] !== "text" && member["type"] !== "content";
}

/** True for a medium whose bytes stand in the request: the same bytes are the same tokens again, what an address names may change. */
export function holdsItsBytes(medium: unknown): boolean {
  const texts = leaves(medium, "");
  return texts.some(([name, text]) => isBytes(name, text)) && !texts.some(([name, text]) => isAddress(name, text));
}

function isBytes(name: string, text: string): boolean {
  return /^(?:data|bytes|file_data)$/.test(name) || text.startsWith("data:");
}

function isAddress(name: string, text: string): boolean {
  return /(?:^|_)(?:id|uri)$/.test(name) || (name.endsWith("url") && !text.startsWith("data:"));
}

function leaves(value: unknown, name: string): (readonly [name: string, text: string])[] {
  if (typeof value === "string") return [[name, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([inner, member]) =>
    leaves(member, Array.isArray(value) ? name : snakeCase(inner)),
  );
}
