#!/usr/bin/env bash
# Installs the database servers that the record stores are tested against, from Debian's own packages. The tests start
# them by themselves, each on a socket of its own; nothing is left running.
set -euo pipefail
if command -v redis-server >/dev/null && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then exit 0; fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends redis-server postgresql
