"""How fast the Space starts, and whether 16 clients at once lose nothing while memory stays flat.

    python tests/bench/space_load.py --seconds 60

Each client sends one photo after the other, of one face or three, and checks that the verdict is that photo's. Beside
them stands the worst case: a photo of the largest size allowed, in which no face is found however it is turned. Exits
with 1 when a request fails, an answer is another photo's, or memory grows by more than MAX_GROWTH from the second third
to the last.
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
from PIL import Image

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from conftest import ROOT, draw, encode, free_port, serve  # noqa: E402
from table import row  # noqa: E402

from train.chain.read import MAX_PIXELS  # noqa: E402

EXAMPLES = ROOT / "space/examples"
# Width in pixels.
PHOTOS = (("astronaut.jpg", 256), ("group.jpg", 768), ("astronaut.jpg", 1600), ("astronaut.jpg", 3200))
WORST = [int((MAX_PIXELS * share) ** 0.5) for share in (4 / 3, 3 / 4)]  # Width and height, as of a camera.
MAX_GROWTH = 0.1  # Share of the memory in use in the second third.


def connect(url: str) -> Client:
    """A client that loads no certificates: at each request, that would take it several times as long as all else."""
    return Client(url, verbose=False, ssl_verify=False)


def verdict(client: Client, photo: Path) -> list[float | None]:
    """P(real) of each face of a photo; of one without a face, None."""
    return [row["p_real"] for row in client.predict(handle_file(photo), api_name="/predict")["faces"]]


def ask(url: str, expected: dict[Path, list], first: int, end: float, seconds: list, failures: list) -> None:
    """Send the photos of ``expected`` in turn from the ``first`` on until ``end`` (time.monotonic).

    Args:
        url: of the Space.
        expected: {photo: what `verdict` says of it}.
        first: photo to begin with.
        end: as stated.
        seconds, failures: lists to extend by what each request took and what went wrong.
    """
    client, photos, number = connect(url), list(expected), first
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

    port, seconds, failures, memory, start = free_port(), [], [], [], time.monotonic()
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port)}
    with (
        tempfile.TemporaryDirectory() as folder,
        serve([sys.executable, "app.py"], port, cwd=ROOT / "space", env=environment) as url,
    ):
        client = connect(url)
        verdict(client, EXAMPLES / "astronaut.jpg")
        [server] = psutil.Process().children()
        print(
            f"first verdict {time.monotonic() - start:.1f} s after the start; "
            f"{server.memory_info().rss / 1e6:.0f} MB of memory"
        )
        expected, alone = {}, []
        for name, width in PHOTOS:
            photo = Path(folder) / f"{width}-{name}"
            image = Image.open(EXAMPLES / name)
            image.resize((width, width * image.height // image.width)).save(photo, quality=85)
            expected[photo] = verdict(client, photo)
            start = time.monotonic()
            verdict(client, photo)
            alone.append(time.monotonic() - start)
        worst = Path(folder) / "worst.jpg"
        worst.write_bytes(encode(draw(*WORST), "JPEG", quality=70))
        start = time.monotonic()
        assert verdict(client, worst) == [None]
        print(f"{WORST[0]} x {WORST[1]} pixels without a face: {time.monotonic() - start:.1f} s")
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
    every, one = 1000 * args.seconds / len(seconds), 1000 * statistics.mean(alone)
    print(row("The Space, a photo", "ms", (f"{args.clients} clients at once", every), ("one alone", one)))
    return 1 if failures or thirds[2] > (1 + MAX_GROWTH) * thirds[1] else 0


if __name__ == "__main__":
    sys.exit(main())
