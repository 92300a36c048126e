import { arcpFailure } from "./failure.ts";

/** A schema of any library, by the Standard Schema interface (zod, valibot, arktype, …). */
export interface InputSchema<Value> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    /** The value as the agent gets it, or what is wrong with it. */
    readonly validate: (value: unknown) => InputResult<Value> | Promise<InputResult<Value>>;
    readonly types?: { readonly input: unknown; readonly output: Value } | undefined;
  };
}

type InputResult<Value> =
  | { readonly value: Value; readonly issues?: undefined }
  | { readonly issues: readonly InputIssue[] };

interface InputIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a refusal names at most, and how much of each. */
const mostIssues = 20;
const longestMessage = 200;

/**
 * Reads a submit's input by its agent's schema. An input of `null` is one that was not given where the schema has no `null`.
 * @throws ProtocolError INVALID_REQUEST, which names each issue by a JSON pointer.
 */
export async function readInput(schema: InputSchema<unknown> | undefined, input: unknown): Promise<unknown> {
  if (schema === undefined) return input;
  const { validate } = schema["~standard"];
  const given = await validate(input);
  if (given.issues === undefined) return given.value;
  const absent = input === null ? await validate(undefined) : given;
  if (absent.issues === undefined) return absent.value;
  const issues = given.issues.slice(0, mostIssues).map(({ message, path = [] }) => ({
    pointer: pointerTo(path),
    message: message.slice(0, longestMessage),
  }));
  const listed = issues.slice(0, 5).map(({ pointer, message }) => `${pointer} ${message}`);
  throw arcpFailure("INVALID_REQUEST", `The input does not fit the agent: ${listed.join("; ")}.`, {
    details: { issues },
  });
}

/** A JSON pointer (RFC 6901) from the payload of the submit. */
function pointerTo(path: NonNullable<InputIssue["path"]>): string {
  const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
  return ["/input", ...keys.map((key) => key.replaceAll("~", "~0").replaceAll("/", "~1"))].join("/");
}
