#!/usr/bin/env bash
# Serve the Gradio app on http://127.0.0.1:7860 and the static page beside it.
#
#   bash space/run.sh
set -euo pipefail
cd "$(dirname "$0")"
. ./venv.sh

make_venv .venv requirements.txt

trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
if [ -d ../web ]; then
  port=${PAGE_PORT:-7861}
  if ! .venv/bin/python -c "import socket; socket.create_server(('127.0.0.1', $port))" 2>/dev/null; then
    echo "error: port $port, where the static page is to be, is taken; set PAGE_PORT to another one." >&2
    exit 1
  fi
  export PAGE_URL=http://127.0.0.1:$port/
  .venv/bin/python -m http.server "$port" --bind 127.0.0.1 --directory ../web >/dev/null 2>&1 &
  echo "Static page: $PAGE_URL"
fi
.venv/bin/python app.py &
wait $!
