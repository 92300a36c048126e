// Takes Ed25519 away from WebCrypto, as on runtimes that never had it, so that the fallback must do the work.
{
  const refuse = () => Promise.reject(new DOMException("Ed25519 is not here", "NotSupportedError"));
  const isEd25519 = (algorithm) => (algorithm?.name ?? algorithm) === "Ed25519";
  for (const [name, at] of Object.entries({ importKey: 2, generateKey: 0, sign: 0, verify: 0 })) {
    const original = SubtleCrypto.prototype[name];
    Object.defineProperty(SubtleCrypto.prototype, name, {
      value(...parts) {
        return isEd25519(parts[at]) ? refuse() : original.apply(this, parts);
      },
    });
  }
}
