import { ValidationError } from "@imprest/core";

type Bag = Readonly<Record<string, unknown>>;

export function isBag(value: unknown): value is Bag {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function unreadable(pointer: string, message: string): ValidationError {
  return new ValidationError("price", [{ pointer, message }]);
}

/** Usage objects are nested three deep; `raw` of the AI SDK holds another. */
const deepest = 5;

/** Numbers that count nothing that is charged: money, and how long an answer took (Groq, SambaNova, Cerebras). */
const uncharged: ReadonlySet<string> = new Set([
  "cost",
  "cost_details",
  "cost_in_usd_ticks",
  "estimated_cost",
  "market_cost",
  "stated_cost",
  "queue_time",
  "prompt_time",
  "completion_time",
  "total_time",
  "total_latency",
  "time_to_first_token",
  "start_time",
  "end_time",
  "acceptance_rate",
  "total_tokens_per_sec",
  "completion_tokens_per_sec",
  "completion_tokens_after_first_per_sec",
  "completion_tokens_after_first_per_sec_first_ten",
]);

/** The names that readers ask for are in snake case: SDKs spell those of the wire in camel case. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]|(?<=[a-z])\d/g, (letter) => `_${letter.toLowerCase()}`);
}

export function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase());
}

interface Member {
  /** As it is spelled. */
  readonly name: string;
  readonly value: unknown;
}

/**
 * An object of a usage object, and which of its members a reader has read. A number that nobody has read may be something
 * that is charged, so `refuseUnread` refuses it by name. `null` counts as absent.
 */
export class Members {
  readonly pointer: string;
  readonly #members = new Map<string, Member>();
  readonly #read = new Set<string>();
  readonly #children = new Map<string, readonly Members[]>();
  readonly #depth: number;

  constructor(value: unknown, pointer = "/usage", depth = 0) {
    if (!isBag(value)) throw unreadable(pointer, "is no usage object with known token counts");
    if (depth > deepest) throw unreadable(pointer, "is nested too deep");
    this.pointer = pointer;
    this.#depth = depth;
    for (const [name, member] of Object.entries(value)) {
      const key = snakeCase(name);
      const twin = this.#members.get(key);
      if (twin === undefined || twin.value === null || twin.value === undefined) {
        this.#members.set(key, { name, value: member });
      } else if (member !== null && member !== undefined) {
        throw unreadable(`${pointer}/${name}`, `is given twice, as ${twin.name} too`);
      }
    }
  }

  /** True for a member that is neither absent nor `null`. */
  has(...names: readonly string[]): boolean {
    return names.some((name) => this.#value(name) !== undefined);
  }

  /** True for a member that is given, `null` included: which wire it is shows in the names. */
  names(...names: readonly string[]): boolean {
    return names.some((name) => this.#members.has(name));
  }

  isObject(name: string): boolean {
    return isBag(this.#value(name));
  }

  /** A whole number, zero or more. @throws ValidationError for anything else that is given. */
  count(name: string): number | undefined {
    this.#read.add(name);
    const value = this.#value(name);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw unreadable(this.pointerTo(name), "is no whole number of tokens");
  }

  /** @throws ValidationError for a count that is missing. */
  needed(name: string): number {
    return this.count(name) ?? this.missing(name);
  }

  missing(name: string): never {
    throw unreadable(this.pointerTo(name), "is missing from the usage object");
  }

  /** The counts that are given of these names. */
  counts(...names: readonly string[]): number[] {
    return names.map((name) => this.count(name)).filter((count) => count !== undefined);
  }

  /** One count that may be given under several names: the greatest counts. */
  most(...names: readonly string[]): number {
    return Math.max(0, ...this.counts(...names));
  }

  /** A second name of a count that has been read. @throws ValidationError when they differ. */
  same(name: string, first: string, value: number): void {
    const other = this.count(name);
    if (other !== undefined && other !== value) throw unreadable(this.pointerTo(name), `differs from ${first}`);
  }

  /** A word; what is no text is refused, because it may change the price. */
  word(...names: readonly string[]): string | undefined {
    for (const name of names) {
      this.#read.add(name);
      const value = this.#value(name);
      if (value === undefined) continue;
      if (typeof value === "string") return value;
      throw unreadable(this.pointerTo(name), "is no text");
    }
    return undefined;
  }

  /** The object under the first of these names that is given, else an empty one. */
  at(...names: readonly string[]): Members {
    return this.list(...names)[0] ?? new Members({}, `${this.pointer}/${names[0]}`, this.#depth);
  }

  /** The objects under these names, each an object or a list of them. */
  list(...names: readonly string[]): Members[] {
    return names.flatMap((name) => this.#objects(name));
  }

  /** Counts that are parts of others, or cost nothing: they are whole numbers too, and charge nothing more. */
  free(...names: readonly string[]): void {
    for (const name of names) this.count(name);
  }

  /** The members that are whole numbers, by their names as they are spelled: an open list of what was counted. */
  everyCount(): (readonly [string, number])[] {
    return [...this.#members].map(([key, { name }]) => [name, this.count(key) ?? 0] as const);
  }

  /** @throws ValidationError naming a number, or an object with one, that no reader has read. */
  refuseUnread(): void {
    for (const [key, { name, value }] of this.#members) {
      const children = this.#children.get(key);
      if (children) for (const child of children) child.refuseUnread();
      if (this.#read.has(key) || uncharged.has(key)) continue;
      this.#refuseNumber(value, name, this.#depth + 1);
    }
  }

  #refuseNumber(value: unknown, name: string, depth: number): void {
    if (isNumber(value)) {
      throw unreadable(`${this.pointer}/${name}`, "is charged at a price that the table has no place for");
    }
    if (isBag(value)) return new Members(value, `${this.pointer}/${name}`, depth).refuseUnread();
    if (!Array.isArray(value)) return;
    if (depth > deepest) throw unreadable(`${this.pointer}/${name}`, "is nested too deep");
    for (const [at, member] of value.entries()) this.#refuseNumber(member, `${name}/${at}`, depth + 1);
  }

  #objects(name: string): readonly Members[] {
    const known = this.#children.get(name);
    if (known) return known;
    this.#read.add(name);
    const value = this.#value(name);
    const pointer = this.pointerTo(name);
    const child = (member: unknown, at: string): Members[] => {
      if (member === undefined || member === null) return [];
      if (!isBag(member)) throw unreadable(at, "is no object with token counts");
      return [new Members(member, at, this.#depth + 1)];
    };
    const children = Array.isArray(value)
      ? value.flatMap((member: unknown, at) => child(member, `${pointer}/${at}`))
      : child(value, pointer);
    this.#children.set(name, children);
    return children;
  }

  #value(name: string): unknown {
    return this.#members.get(name)?.value ?? undefined;
  }

  /** A pointer to a member as it is spelled, or would be among the others. */
  pointerTo(name: string): string {
    const isCamelCase = [...this.#members.values()].some((member) => /[A-Z]/.test(member.name));
    const spelled = isCamelCase ? camelCase(name) : name;
    return `${this.pointer}/${this.#members.get(name)?.name ?? spelled}`;
  }
}

/** A number other than zero, also as text. */
function isNumber(value: unknown): boolean {
  if (typeof value === "number" || typeof value === "bigint") return value !== 0 && value !== 0n;
  return typeof value === "string" && value.trim() !== "" && Number(value) !== 0 && !Number.isNaN(Number(value));
}
