const redacted = "[redacted]";
const secretMembers = new Set(["token", "resume_token"]);
const credentialMembers = new Set(["credentials", "credential"]);
const valueMembers = new Set(["value", "credential_value"]);
/**
 * What a rotation says besides its secret. The secret stands in `value` (ARCP §9.8.2), in `details.value` or in
 * `credential_value`, by runtime; so nothing but these is taken for harmless.
 */
const rotationMembers = new Set([
  "phase",
  "message",
  "id",
  "credential_id",
  "scheme",
  "endpoint",
  "profile",
  "expires_at",
]);

/** A rotation has one secret. Of one that seems to have many, no text is looked through for each. */
const mostSecrets = 16;

/** A copy of a frame without its secrets: tokens, credential values, rotated values, at any depth (ARCP §14). */
export function redactFrame(value: unknown, inCredential = false): unknown {
  if (Array.isArray(value)) return value.map((item) => redactFrame(item, inCredential));
  if (typeof value !== "object" || value === null) return value;
  if (isRotation(value)) return redactRotation(value);
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      if (secretMembers.has(key) || (inCredential && valueMembers.has(key))) return [key, redacted];
      return [key, redactFrame(member, inCredential || credentialMembers.has(key))];
    }),
  );
}

function isRotation(value: object): boolean {
  return "phase" in value && value.phase === "credential_rotated";
}

/** A copy of the body of a rotation without the secret, wherever the runtime put it; a text that repeats it goes, too. */
export function redactRotation(body: object): Record<string, unknown> {
  const secrets = [...secretsOf(body, "")];
  const repeats = (text: string): boolean => secrets.length > mostSecrets || secrets.some((one) => text.includes(one));
  const copy = (value: unknown, name: string): unknown => {
    if (Array.isArray(value)) return value.map((item) => copy(item, name));
    if (typeof value === "object" && value !== null) return copyMembers(value);
    if (value === null || typeof value === "boolean" || name === "phase") return value;
    const isHarmless = rotationMembers.has(name) && !(typeof value === "string" && repeats(value));
    return isHarmless ? value : redacted;
  };
  const copyMembers = (value: object): Record<string, unknown> =>
    Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copy(member, name)]));
  return copyMembers(body);
}

function* secretsOf(value: unknown, name: string): Generator<string> {
  if (typeof value === "string" && value !== "" && !rotationMembers.has(name)) yield value;
  if (typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) yield* secretsOf(member, Array.isArray(value) ? name : key);
}
