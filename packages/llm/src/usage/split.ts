import { type Members, unreadable } from "./members.ts";
import type { TokenCounts } from "./usage.ts";

/** Parts of all input tokens; a cached audio token is in `audio` and in `cached`. */
export interface InputParts {
  /** All tokens of the prompt. */
  readonly all: number;
  readonly cached?: number;
  readonly written?: number;
  /** Written to a cache that lives for an hour; apart from `written`. */
  readonly written1h?: number;
  /** Written to one that lives for half a day; apart from the others. */
  readonly written12h?: number;
  readonly audio?: number;
  readonly image?: number;
  readonly video?: number;
  readonly document?: number;
  /** What of `cached` is audio or an image, where the provider says so. */
  readonly cachedAudio?: number;
  readonly cachedImage?: number;
}

/**
 * Each input token by the one kind that it is charged as. Where a provider does not say whether cached tokens are text or
 * audio, they count as text: that leaves more at the dearer rate.
 */
export function splitInput(usage: Members, parts: InputParts): TokenCounts {
  const { all, cached = 0, written = 0, written1h = 0, written12h = 0, cachedAudio = 0, cachedImage = 0 } = parts;
  const audio = (parts.audio ?? 0) - cachedAudio;
  const image = (parts.image ?? 0) - cachedImage;
  const rest = all - cachedAudio - cachedImage - audio - image - (parts.video ?? 0) - (parts.document ?? 0);
  const cachedText = cached - cachedAudio - cachedImage;
  const hasModalities = rest < all;
  const cachedOfRest = hasModalities ? Math.min(cachedText, rest) : cachedText;
  const input = rest - cachedOfRest - written - written1h - written12h;
  if ([input, audio, image, cachedText].some((count) => count < 0)) {
    throw unreadable(usage.pointer, "counts more cached tokens, or tokens of a modality, than input tokens");
  }
  return given({
    input,
    cachedInput: cachedOfRest,
    cacheWrite: written,
    cacheWrite1h: written1h,
    cacheWrite12h: written12h,
    audioInput: audio,
    cachedAudioInput: cachedAudio,
    imageInput: image,
    cachedImageInput: cachedImage,
    videoInput: parts.video ?? 0,
    documentInput: parts.document ?? 0,
  });
}

/** Parts of all output tokens. */
export interface OutputParts {
  readonly all: number;
  readonly reasoning?: number;
  readonly audio?: number;
  readonly image?: number;
  readonly video?: number;
}

/** Each output token by its kind. Parts that exceed the whole are charged all the same. */
export function splitOutput({ all, reasoning = 0, audio = 0, image = 0, video = 0 }: OutputParts): TokenCounts {
  const output = Math.max(0, all - reasoning - audio - image - video);
  return given({ output, reasoning, audioOutput: audio, imageOutput: image, videoOutput: video });
}

/** A stated total is a check: what it counts beyond the input is output. */
export function outputByTotal(output: number, input: number, total: number | undefined): number {
  return total === undefined ? output : Math.max(output, total - input);
}

function given(counts: TokenCounts): TokenCounts {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}
