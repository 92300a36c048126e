#!/usr/bin/env bash
# The examples of the official Rust crate against `imprest serve`, by command: building the crate takes minutes.
# usage: tools/rust-client-examples.sh    (needs cargo; `pnpm build` is not needed)
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.3.2
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
mkdir "$folder/fetch"
printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[lib]\npath = "lib.rs"\n[dependencies]\nruncycles = "=%s"\n' "$version" > "$folder/fetch/Cargo.toml"
touch "$folder/fetch/lib.rs"
cargo fetch --quiet --manifest-path "$folder/fetch/Cargo.toml"
cp -r "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"runcycles-$version" "$folder/crate"
key=$(node -p 'crypto.randomUUID()')
echo "$key" > "$folder/key"
node --conditions=@imprest/source packages/imprest/bin/imprest.js serve --port 0 --key-file "acme=$folder/key" \
  --fill-in-tenant --budget tenant:acme=USD:1000 --budget tenant:acme=TOKENS:1000000000 > "$folder/out" &
server=$!
until grep -q Serving "$folder/out"; do sleep 0.2; kill -0 "$server"; done
url=$(grep -o 'http://[0-9.:]*' "$folder/out" | head -1)
sed -i "s#http://localhost:7878#$url#; s#my-api-key#$key#" "$folder"/crate/examples/*.rs
cd "$folder/crate"
failed=0
# Not async_openai_completion, which asks a provider.
for example in basic_usage guard_usage error_handling streaming_usage with_cycles_usage; do
  echo "== $example"
  cargo run --quiet --example "$example" || failed=$((failed + 1))
done
curl -sS -H "X-Cycles-API-Key: $key" "$url/v1/balances?tenant=acme"
echo
echo "$failed failed"
exit "$((failed > 0))"
