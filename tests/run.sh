#!/usr/bin/env bash
# Set up everything that the tests need, then run the checkers and the tests.
#
#   bash tests/run.sh [--setup | --quick] [pytest options]
#
# --setup stops once everything is set up.
# --quick takes two minutes on two cores. It leaves out what trains, converts, serves the Space, installs
# packages, or compares browsers, and most of what visitors of the page meet; it says which files these are.
set -euo pipefail
cd "$(dirname "$0")/.."
. space/venv.sh

tests=(tests)
if [ "${1:-}" = --quick ]; then
  shift
  tests=(tests/test_{cards,chain,conditions,data,degrade,explore,faces,layout,metrics,models,photo,rooms,setup,twins,verdict}.py)
  for name in a_card_shows_the_verdict_in_words_and_figures many_files_give_cards_a_table_and_a_csv \
    the_pictures_of_a_zip_are_judged_and_the_rest_is_counted a_file_that_can_t_be_judged_gets_a_sentence \
    the_list_of_files_is_the_folder_s the_module_s_answer_has_what_it_documents; do
    tests+=("tests/test_page.py::test_$name")
  done
fi

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
if [ "${1:-}" = --setup ]; then exit; fi

.venv/bin/ruff check --quiet .
.venv/bin/ruff format --check --quiet .
checkers=()  # These take their time, and each one core.
.venv/bin/mypy --no-error-summary & checkers+=($!)
node tests/node_modules/eslint/bin/eslint.js --config tests/eslint.config.mjs --max-warnings 0 web & checkers+=($!)
for project in tests/tsconfig.json tests/tsconfig.sw.json; do
  node tests/node_modules/typescript/bin/tsc --project $project & checkers+=($!)
done
complaints=0
for checker in "${checkers[@]}"; do wait "$checker" || complaints=1; done
if [ $complaints = 1 ]; then exit 1; fi
if [ "${tests[0]}" != tests ]; then
  left_out=()
  for file in tests/test_*.py; do [[ " ${tests[*]} " == *" $file"* ]] || left_out+=("$file"); done
  echo "Left out: ${left_out[*]}, and most of tests/test_page.py"
fi
workers=$(($(getconf _NPROCESSORS_ONLN) + 1))  # One more than cores: now and then a test waits, for a browser say.
.venv/bin/python -m pytest "${tests[@]}" -n $workers --dist loadfile --no-loadscope-reorder "$@"
