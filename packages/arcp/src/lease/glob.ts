/*
 * The glob of ARCP 1.0 §9.2: a pattern is split at "/" into segments; "**" as a whole segment stands for any number of
 * segments, none included; "*" within a segment stands for any run of characters but "/"; nothing else is special, and
 * a pattern is anchored at both ends. "**" inside a longer segment is no more than "*": it never reaches over a "/".
 */

const anySegments = "**";
const anyCharacters = "*";

/** Whether `value` is one of the strings that `pattern` stands for. Takes time in the product of both lengths at most. */
export function matchesGlob(pattern: string, value: string): boolean {
  return wildcardCovers(pattern.split("/"), value.split("/"), anySegments, segmentMatches);
}

/**
 * Whether every string that `child` stands for is one that `parent` stands for, as far as can be shown: a `false` may
 * be wrong, a `true` never is (ARCP 1.0 §9.4: what cannot be proven is rejected).
 */
export function globCovers(parent: string, child: string): boolean {
  return wildcardCovers(parent.split("/"), child.split("/"), anySegments, segmentCovers);
}

function segmentMatches(pattern: string, segment: string): boolean {
  return wildcardCovers(pattern, segment, anyCharacters, sameCharacter);
}

/** A "*" of the child counts as a character that only a "*" of the parent takes; a child's "**" is left to the parent's. */
function segmentCovers(parent: string, child: string): boolean {
  return child !== anySegments && wildcardCovers(parent, child, anyCharacters, sameCharacter);
}

const sameCharacter = (pattern: string, character: string): boolean => pattern === character;

/**
 * Matches a sequence against one that holds wildcards, by falling back to the last wildcard only: a later one can take
 * over whatever an earlier one would have given up, so nothing is tried twice over.
 */
function wildcardCovers(
  pattern: string | readonly string[],
  sequence: string | readonly string[],
  wildcard: string,
  covers: (pattern: string, item: string) => boolean,
): boolean {
  let at = 0;
  let position = 0;
  let fallback = -1;
  let resumeAt = 0;
  while (position < sequence.length) {
    const expected = pattern[at];
    const item = sequence[position] ?? "";
    if (expected === wildcard) {
      fallback = at++;
      resumeAt = position;
    } else if (expected !== undefined && covers(expected, item)) {
      at++;
      position++;
    } else if (fallback >= 0) {
      at = fallback + 1;
      position = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[at] === wildcard) at++;
  return at === pattern.length;
}
