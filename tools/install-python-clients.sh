#!/usr/bin/env bash
# The official Cycles clients of PyPI: a virtual environment in FOLDER/venv, and in FOLDER/src the source distributions, which
# have the clients' own tests and examples. A folder that is complete is left as it is.
# usage: tools/install-python-clients.sh FOLDER
set -euo pipefail
folder=$1
requirements="$(cd "$(dirname "$0")/.." && pwd)/test/peers/cycles-clients/requirements.txt"
if cmp -s "$requirements" "$folder/installed"; then exit 0; fi
rm -rf "$folder"
mkdir -p "$folder/src"
python3 -m venv "$folder/venv"
pip=("$folder/venv/bin/pip" --quiet --disable-pip-version-check)
"${pip[@]}" install -r "$requirements"
grep runcycles "$requirements" | while read -r client; do
  "${pip[@]}" download --no-deps --no-binary :all: --dest "$folder/src" "$client"
done
for archive in "$folder"/src/*.tar.gz; do tar xzf "$archive" -C "$folder/src"; done
cp "$requirements" "$folder/installed"
