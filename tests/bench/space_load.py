"""Ask the Space from 16 clients at once, and see that nothing is lost and that memory stays flat.

    python tests/bench/space_load.py --seconds 60

Each client sends one photo after the other and checks that the verdict is that photo's. Exits with 1 when a
request fails, an answer is another photo's, or memory grows by more than MAX_GROWTH from the second third to the last.
"""

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from gradio_client import Client, handle_file

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from conftest import ROOT, draw, encode, free_port, serve  # noqa: E402

SIZES = ((256, 256), (640, 480), (1600, 1200), (2400, 3200))  # Of the photos sent, width and height in pixels.
MAX_GROWTH = 0.1  # Share of the memory in use in the second third.


def verdict(client: Client, photo: Path) -> float:
    """P(real) of a photo."""
    return client.predict(handle_file(photo), api_name="/predict")["p_real"]


def ask(url: str, expected: dict[Path, float], first: int, end: float, seconds: list, failures: list) -> None:
    """Send photos in turn from the ``first`` on until ``end`` (time.monotonic); note seconds and failures."""
    client, photos, number = Client(url, verbose=False), list(expected), first
    while time.monotonic() < end:
        photo, start = photos[number % len(photos)], time.monotonic()
        try:
            if (p_real := verdict(client, photo)) != expected[photo]:
                failures.append(f"{photo.name}: P(real) {p_real}, not {expected[photo]}")
        except Exception as error:  # Whatever it is, the request is lost.
            failures.append(f"{photo.name}: {error}")
        seconds.append(time.monotonic() - start)
        number += 1


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; returns the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=16)
    args = parser.parse_args(argv)

    port, seconds, failures, memory = free_port(), [], [], []
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port)}
    with (
        tempfile.TemporaryDirectory() as folder,
        serve([sys.executable, "app.py"], port, cwd=ROOT / "space", env=environment) as url,
    ):
        photos = [Path(folder) / f"{width}x{height}.jpg" for width, height in SIZES]
        for photo, size in zip(photos, SIZES):
            photo.write_bytes(encode(draw(*size), "JPEG", quality=85))
        client = Client(url, verbose=False)
        expected = {photo: verdict(client, photo) for photo in photos}
        [server] = psutil.Process().children()
        end = time.monotonic() + args.seconds
        clients = [
            threading.Thread(target=ask, args=(url, expected, first, end, seconds, failures))
            for first in range(args.clients)
        ]
        for thread in clients:
            thread.start()
        while any(thread.is_alive() for thread in clients):
            memory.append(server.memory_info().rss / 1e6)
            time.sleep(0.5)

    third = len(memory) // 3
    thirds = [statistics.mean(memory[start : start + third]) for start in (0, third, 2 * third)]
    for failure in failures[:20]:
        print(failure, file=sys.stderr)
    print(
        f"{len(seconds)} requests of {args.clients} clients in {args.seconds:.0f} s, {len(failures)} lost or wrong; "
        f"median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s; "
        f"memory in thirds of the time {', '.join(f'{megabytes:.0f}' for megabytes in thirds)} MB"
    )
    return 1 if failures or thirds[2] > (1 + MAX_GROWTH) * thirds[1] else 0


if __name__ == "__main__":
    sys.exit(main())
