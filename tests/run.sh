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
declare -A packages=([chromium]=chromium [firefox-esr]=firefox-esr [WebKitWebDriver]=webkit2gtk-driver [xvfb-run]=xvfb)
for program in "${!packages[@]}"; do
  command -v $program >/dev/null && continue
  package=${packages[$program]}
  echo "Installing $package"
  { apt-get update -qq && apt-get install -y -qq $package; } >/dev/null || {
    echo "error: no $program found, and apt-get could not install it; install the package $package" >&2
    exit 1
  }
done
.venv/bin/python -m pytest tests -n 2 --dist loadfile "$@"
