import type { AnyErrorCode } from "./error-code.ts";

/** Brands are looked up under this symbol, so that two copies of the package recognise each other's errors. */
const brands = Symbol.for("@imprest/core/error-brands");

/** What every error of the family accepts besides its message. */
export interface ErrorOptionsWithCause {
  readonly cause?: unknown;
}

/**
 * The one error family. `code` is stable and meant for programs; `message` says what happened and what to do,
 * and holds no secret and no prompt text.
 */
export class ImprestError extends Error {
  /** The class's stable name, unharmed by minifiers. */
  static readonly brand: string = "ImprestError";
  /** A stable `ERR_…` code. */
  readonly code: AnyErrorCode;

  constructor(code: AnyErrorCode, message: string, options?: ErrorOptionsWithCause) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    Object.defineProperty(this, "name", { value: new.target.brand, configurable: true, writable: true });
  }

  /** True for an instance of this class from any copy of the package (`instanceof` sees only its own copy). */
  static isInstance<Class extends { readonly brand: string; readonly prototype: unknown }>(
    this: Class,
    value: unknown,
  ): value is Class["prototype"] {
    if (typeof value !== "object" || value === null) return false;
    const found: unknown = Reflect.get(value, brands);
    return Array.isArray(found) && found.includes(this.brand);
  }

  static {
    Object.defineProperty(this.prototype, brands, {
      get(this: ImprestError): readonly string[] {
        return [...brandsOf(this), ...this.kin];
      },
    });
  }

  /** Brands of classes that the instance stands for without descending from them; it has their public members. */
  protected get kin(): readonly string[] {
    return [];
  }

  /** For logs: the public fields, with the cause reduced to its name, code and message. */
  toJSON(): Record<string, unknown> {
    return { name: this.name, code: this.code, message: this.message, ...this.details(), ...causeOf(this.cause) };
  }

  /** The fields a subclass shows in `toJSON`. Values of guarded calls and credentials never belong here. */
  protected details(): Record<string, unknown> {
    return {};
  }
}

function causeOf(cause: unknown): { cause?: unknown } {
  if (!(cause instanceof Error)) return {};
  const code = (cause as { code?: unknown }).code;
  const message = cause.message;
  return { cause: typeof code === "string" ? { name: cause.name, code, message } : { name: cause.name, message } };
}

/** The brands of the instance's class and of every class above it. */
function brandsOf(error: object): readonly string[] {
  const found: string[] = [];
  let prototype: unknown = Object.getPrototypeOf(error);
  while (prototype instanceof Error) {
    found.push((prototype.constructor as typeof ImprestError).brand);
    prototype = Object.getPrototypeOf(prototype);
  }
  return found;
}
