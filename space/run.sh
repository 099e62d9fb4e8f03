#!/usr/bin/env bash
# Serve the Gradio app on http://127.0.0.1:7860 and the static page beside it.
#
#   bash space/run.sh
set -euo pipefail
cd "$(dirname "$0")"
. ./venv.sh

make_venv .venv requirements.txt

if [ -d ../web ]; then
  export PAGE_URL=http://127.0.0.1:${PAGE_PORT:-7861}/
  .venv/bin/python -m http.server "${PAGE_PORT:-7861}" --bind 127.0.0.1 --directory ../web >/dev/null 2>&1 &
  trap 'kill $!' EXIT
  echo "Static page: $PAGE_URL"
fi
.venv/bin/python app.py
