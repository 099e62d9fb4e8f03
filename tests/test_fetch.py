"""Downloading the Kaggle set, against a stand-in for Kaggle's interface on this machine."""

import http.server
import io
import json
import threading
import zipfile

import pytest
from conftest import draw, encode

from train import __main__ as train

PORT = 7777  # Where kagglehub looks with KAGGLE_API_ENVIRONMENT=TEST.


@pytest.fixture
def kaggle():
    """A server that answers with ``kaggle.status`` and offers a two-image archive."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as z:
        for name in ("fake", "real"):
            z.writestr(f"real_vs_fake/real-vs-fake/train/{name}/0.jpg", encode(draw(64, 64), "JPEG"))

    class Kaggle(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.endswith("/GetDataset"):
                content, kind = json.dumps({"currentVersionNumber": 2}).encode(), "application/json"
            else:
                content, kind = archive.getvalue(), "application/zip"
            self.send_response(self.server.status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Kaggle)
    server.status = 200
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def fetch(monkeypatch, capfd):
    """fetch(folder) -> (the command's exit status, what it printed)."""
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    return lambda out: (train.main(["fetch", "--out", str(out)]), "".join(capfd.readouterr()))


def test_the_set_is_downloaded_and_unpacked(kaggle, fetch, tmp_path):
    status, printed = fetch(tmp_path / "set")
    assert status == 0 and f"python -m train fit custom --data {tmp_path / 'set'}" in printed
    assert (tmp_path / "set/real_vs_fake/real-vs-fake/train/real/0.jpg").stat().st_size > 500


@pytest.mark.parametrize("refusal", [401, 403])
def test_a_refusal_says_where_the_token_goes(kaggle, fetch, tmp_path, refusal):
    kaggle.status = refusal
    status, printed = fetch(tmp_path / "set")
    assert status == 2 and "Kaggle refused the download" in printed and "KAGGLE_API_TOKEN" in printed


def test_without_network_it_names_the_way_by_hand(fetch, tmp_path):
    status, printed = fetch(tmp_path / "set")
    assert status == 2 and "Kaggle can't be reached" in printed
    assert "https://www.kaggle.com/datasets/xhlulu/140k-real-and-fake-faces in a browser" in printed


def test_a_place_that_cannot_be_written_is_one_line(fetch, tmp_path):
    (tmp_path / "file").touch()
    status, printed = fetch(tmp_path / "file/set")
    assert status == 2 and "file/set can't be written" in printed and "GB are free" in printed
