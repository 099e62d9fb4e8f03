"""Run all benchmarks, and write what they print into README's table of speed.

    pip install --no-deps onnx==1.17.0 onnxruntime==1.32.0
    python -m tests.bench [--quick]

takes about a quarter of an hour on two idle cores; on busy ones the figures say nothing. --quick tries each with few
rounds, and prints the table in place of writing it.
"""

import argparse
import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

import psutil

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"
START, END = "<!-- Written by `python -m tests.bench`. -->\n", "<!-- To here. -->\n"
HEADER = "| work | here | beside | ratio |\n|---|---|---|---|\n"
QUICK = {  # The benchmarks in the order of the table, and the options that make them short.
    "engines.py": ["--rounds", "2"],
    "predict.py": ["--photos", "64", "--rounds", "1"],
    "training.py": ["--images", "512", "--epochs", "1", "--frozen", "32"],
    "space_load.py": ["--seconds", "10", "--clients", "4"],
    "page_vs_onnxruntime.py": ["--rounds", "1"],
}


def rows_of(script: str, options: list[str]) -> list[str]:
    """The table's rows that a benchmark prints; all that it prints goes on to the terminal.

    Raises:
        SystemExit: it failed.
    """
    command = [sys.executable, str(HERE / script), *options]
    print(f"\n{script} {' '.join(options)}", flush=True)
    found = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith("| "):
                found.append(line)
    if process.returncode:
        raise SystemExit(f"{script} failed; README is as it was.")
    return found


def machine() -> str:
    """Processor, cores, memory and system."""
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory = psutil.virtual_memory().total / 2**30
    return f"{found[1] if found else 'unknown processor'}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux"


def rewritten(text: str, table: str) -> str:
    """README with another table between its two marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}{table}{END}{after}"


def main() -> None:
    """Run them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    rows = [row for script, options in QUICK.items() for row in rows_of(script, options if args.quick else [])]
    table = f"{machine()}, {datetime.date.today()}:\n\n{HEADER}{''.join(rows)}\n"
    if args.quick:
        print(f"\n{table}")
    else:
        README.write_text(rewritten(README.read_text(), table))


if __name__ == "__main__":
    main()
