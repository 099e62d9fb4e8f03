#!/usr/bin/env bash
# Set up everything that the tests need, then run them.
#
#   bash tests/run.sh [pytest options]
set -euo pipefail
cd "$(dirname "$0")/.."
. space/venv.sh

if ! node -e 'process.exit(process.versions.node.split(".")[0] < 18 ? 1 : 0)' 2>/dev/null || ! command -v npm >/dev/null; then
  echo "error: Node 18 or newer is needed, with npm; on Debian: apt-get install nodejs npm" >&2
  exit 1
fi
make_venv .venv requirements.txt
if ! cmp -s tests/package-lock.json tests/node_modules/.installed-lock.json; then
  npm ci --prefix tests --no-audit --no-fund
  cp tests/package-lock.json tests/node_modules/.installed-lock.json
fi
if ! command -v chromium >/dev/null; then
  echo "Installing Chromium"
  { apt-get update -qq && apt-get install -y -qq chromium; } >/dev/null || {
    echo "error: no Chromium found, and apt-get could not install it; install the package chromium" >&2
    exit 1
  }
fi
.venv/bin/python -m pytest tests -n 2 --dist loadfile "$@"
