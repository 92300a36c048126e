/** Characters of whoever has not been welcomed: a hello and a token are small. */
export const mostBeforeOpen = 65_536;

/**
 * Whether a frame of this runtime is the welcome. A host asks it of what it sends, and not the runtime: so its limit for
 * strangers ends however its transport is wrapped. A stranger's own words stand escaped in a frame, so that none looks like it.
 */
export function isWelcome(text: string): boolean {
  return text.slice(0, longestHeader).includes('"type":"session.welcome"');
}

/** Type and identifiers come first. */
const longestHeader = 200;
