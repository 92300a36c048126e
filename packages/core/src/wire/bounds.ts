/**
 * The most issues that one check reports. A sender sees what is wrong with its first twenty; a list of a hundred thousand
 * would be answered with megabytes.
 */
export const mostIssues = 20;

/** The longest word of a sender's own that an issue repeats, in characters. */
const longestWord = 40;

/** A word of a sender's own, as an issue repeats it. */
export function shortened(word: string): string {
  return word.length > longestWord ? `${word.slice(0, longestWord)}…` : word;
}
