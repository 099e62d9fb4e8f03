"""Downloading the Kaggle set, against a stand-in for Kaggle's interface on this machine."""

import http.server
import io
import json
import threading
import zipfile

import pytest
from conftest import draw, encode, finish, train_command

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


def fetch(out, status):
    return finish(train_command("fetch", "--out", out, env={"KAGGLE_API_ENVIRONMENT": "TEST"}), status)


def test_the_set_is_downloaded_and_unpacked(kaggle, tmp_path):
    output = fetch(tmp_path / "set", 0)
    assert f"python -m train fit custom --data {tmp_path / 'set'}" in output
    assert (tmp_path / "set/real_vs_fake/real-vs-fake/train/real/0.jpg").stat().st_size > 500


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_where_the_token_goes(kaggle, tmp_path, status):
    kaggle.status = status
    assert "Kaggle refused the download" in (output := fetch(tmp_path / "set", 2))
    assert "KAGGLE_API_TOKEN" in output and "Traceback" not in output


def test_without_network_it_names_the_way_by_hand(tmp_path):
    output = fetch(tmp_path / "set", 2)
    assert "Kaggle can't be reached" in output and "Traceback" not in output
    assert "https://www.kaggle.com/datasets/xhlulu/140k-real-and-fake-faces in a browser" in output


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    output = fetch(tmp_path / "file/set", 2)
    assert "file/set can't be written" in output and "GB are free" in output and "Traceback" not in output
