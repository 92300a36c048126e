const secretMembers = new Set(["token", "resume_token"]);

/** A copy of a frame without its secrets: tokens, credential values, rotated values (ARCP §14). */
export function redactFrame(value: unknown, inCredential = false): unknown {
  if (Array.isArray(value)) return value.map((item) => redactFrame(item, inCredential));
  if (typeof value !== "object" || value === null) return value;
  const holdsCredential = inCredential || (value as { phase?: unknown }).phase === "credential_rotated";
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      if (secretMembers.has(key) || (key === "value" && holdsCredential)) return [key, "[redacted]"];
      return [key, redactFrame(member, key === "credentials")];
    }),
  );
}
