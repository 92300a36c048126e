/** How many prefixes are remembered; the oldest are forgotten first. */
const mostPrefixes = 20_000;

/** The prompts that a provider has seen, as hashes of their prefixes. */
export interface PromptCache {
  /** How many of the first `blocks` of a prompt were written before. */
  known(model: string, blocks: readonly string[]): number;
  /** Remembers every prefix of the first `count` blocks. */
  write(model: string, blocks: readonly string[], count: number): void;
}

export function createPromptCache(): PromptCache {
  const prefixes = new Set<string>();
  return {
    known(model, blocks) {
      return hashes(model, blocks).findLastIndex((hash) => prefixes.has(hash)) + 1;
    },
    write(model, blocks, count) {
      const written = hashes(model, blocks).slice(0, count);
      for (const hash of written) {
        prefixes.delete(hash);
        prefixes.add(hash);
      }
      for (const oldest of prefixes) {
        if (prefixes.size <= mostPrefixes) break;
        prefixes.delete(oldest);
      }
    },
  };
}

/** One hash for each prefix: two sums of 32 bits (FNV-1a with two bases), for a test and against nobody. */
function hashes(model: string, blocks: readonly string[]): string[] {
  let left = 0x811c9dc5;
  let right = 0x01000193;
  const add = (text: string): void => {
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      left = Math.imul(left ^ unit, 0x01000193);
      right = Math.imul(right ^ unit, 0x5bd1e995);
    }
  };
  add(`${model}\n`);
  return blocks.map((block) => {
    add(`${block}\n`);
    return `${left >>> 0}.${right >>> 0}`;
  });
}
