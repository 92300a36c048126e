#!/usr/bin/env bash
# Installs the browser of `pnpm test:runtimes` from Debian's packages, where it is not there already.
set -euo pipefail
[ -x /usr/bin/chromium-headless-shell ] && exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium-headless-shell
