import { type Clock, type RandomBytes, systemClock } from "@imprest/core";
import { systemRandom } from "@imprest/core/internal";

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** `prefix_` and a ULID: the one form of identifier that every ARCP runtime takes. */
export function createIdentifier(
  prefix: string,
  clock: Clock = systemClock,
  random: RandomBytes = systemRandom,
): string {
  let time = clock.now();
  let text = "";
  for (let place = 0; place < 10; place++) {
    text = crockford[time % 32] + text;
    time = Math.floor(time / 32);
  }
  // 256 is a multiple of 32, so the low five bits of a random byte are even.
  for (const byte of random(16)) text += crockford[byte & 31];
  return `${prefix}_${text}`;
}
