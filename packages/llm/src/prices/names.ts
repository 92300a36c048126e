/** `-latest`, and the date of a snapshot: `-2025-08-07`, `-20250929`, `@20250929`. */
const latest = /-latest$/;
const dated = /[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6})$/;

/**
 * Finds the name under which a table lists a model: as it is, as an alias, without the provider in front
 * (`openrouter/openai/gpt-5`), without `-latest` or the date of a snapshot. A name without a date is also found where the
 * table lists exactly one snapshot of it; one snapshot never stands for another.
 */
export function nameFinder(
  listed: readonly string[],
  aliases: Readonly<Record<string, string>>,
): (model: string) => string | undefined {
  const known = new Set(listed);
  const snapshots = new Map<string, string[]>();
  for (const name of listed) {
    const plain = undated(name);
    if (plain !== name) snapshots.set(plain, [...(snapshots.get(plain) ?? []), name]);
  }
  const find = (name: string): string | undefined => {
    if (known.has(name)) return name;
    const plain = undated(name);
    if (known.has(plain)) return plain;
    const [only, another] = dated.test(name) ? [] : (snapshots.get(plain) ?? []);
    return another === undefined ? only : undefined;
  };
  return (model) => {
    if (known.has(model)) return model;
    const name = Object.hasOwn(aliases, model) ? (aliases[model] ?? model) : model;
    for (let rest = name; ; rest = rest.slice(rest.indexOf("/") + 1)) {
      const found = find(rest);
      if (found !== undefined || !rest.includes("/")) return found;
    }
  };
}

function undated(name: string): string {
  return name.replace(latest, "").replace(dated, "");
}
