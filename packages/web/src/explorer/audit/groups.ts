/** Beyond it lines stand by themselves: each id takes about 100 bytes. */
const mostGroups = 2_000_000;
/** No id of a protocol is longer; a stranger's is cut. */
const longestId = 128;

/** What lines belong together: ids of decisions or reservations, numbered from 1. */
export class Groups {
  readonly #numbers = new Map<string, number>();
  readonly #ids: string[] = [""];
  /** Of the reservation that belongs to a group, so that it is found by that name too. */
  #hashes = new Uint32Array(1_024);

  /** The number of an id, made where it is new; 0 where there is no room. */
  numberOf(id: string): number {
    const cut = id.length > longestId ? id.slice(0, longestId) : id;
    const known = this.#numbers.get(cut);
    if (known !== undefined) return known;
    if (this.#ids.length > mostGroups) return 0;
    // A part of the line's text would keep the whole of it.
    const own: string = JSON.parse(JSON.stringify(cut)) as string;
    const number = this.#ids.push(own) - 1;
    this.#numbers.set(own, number);
    return number;
  }

  /** Notes the reservation that a group's lines name. */
  alias(number: number, reservation: string): void {
    if (number >= this.#hashes.length) {
      const wider = new Uint32Array(Math.max(this.#hashes.length * 2, number + 1));
      wider.set(this.#hashes);
      this.#hashes = wider;
    }
    this.#hashes[number] = hashOf(reservation);
  }

  idOf(number: number): string | undefined {
    return number === 0 ? undefined : this.#ids[number];
  }

  /** The group with that id; else groups that may be of that reservation. */
  find(id: string): readonly number[] {
    const exact = this.#numbers.get(id) ?? this.#numbers.get(id.toLowerCase());
    if (exact !== undefined) return [exact];
    const hash = hashOf(id);
    const found: number[] = [];
    for (let number = 1; number < this.#ids.length && found.length < 16; number += 1) {
      if (this.#hashes[number] === hash) found.push(number);
    }
    return found;
  }
}

/** FNV-1a; 0 stands for none. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0 || 1;
}
