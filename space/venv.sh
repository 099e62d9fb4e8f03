# Sourced by space/run.sh and tests/run.sh.

# make_venv DIR REQUIREMENTS: a virtual environment with these packages; done at once when it is there already.
make_venv() {
  local dir=$1 requirements=$2 python candidate stamp
  stamp=$(sha256sum "$requirements" | cut -d' ' -f1)
  if [ "$(cat "$dir/.installed" 2>/dev/null)" = "$stamp" ]; then return; fi

  for candidate in ${PYTHON:-python3.12 python3.11 python3 python}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
      python=$candidate
      break
    fi
  done
  if [ -z "${python:-}" ]; then
    echo "error: Python 3.11 or 3.12 is needed, and ${PYTHON:-python3} is $("${PYTHON:-python3}" --version 2>&1 || echo missing); set PYTHON=/path/to/python." >&2
    exit 1
  fi
  echo "Installing $requirements into $dir (a few minutes the first time)"
  if ! "$python" -m venv "$dir" >/dev/null; then
    echo "error: '$python -m venv' failed; on Debian: apt-get install python3-venv" >&2
    exit 1
  fi
  "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements" 
  echo "$stamp" >"$dir/.installed"
}
