"""WebKitGTK, the engine nearest to Safari that runs on Linux, driven over WebDriver.

    with webkit(tmp_path) as browser:
        browser.open("http://127.0.0.1:8000/")
        browser.run("return document.title")

Debian's package ``webkit2gtk-driver`` brings the driver and its MiniBrowser; ``xvfb`` the screen that it needs.
"""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from conftest import free_port

PROGRAMS = ("WebKitWebDriver", "xvfb-run")


class WebKit:
    """One window. What the driver refuses is raised as RuntimeError, in its own words."""

    def __init__(self, driver: str, timeout: float):
        self._driver = driver
        self._timeout = timeout
        browser = {"browserName": "MiniBrowser", "webkitgtk:browserOptions": {"args": ["--automation"]}}
        self._session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": browser}})["sessionId"]
        self._ask("POST", f"/session/{self._session}/timeouts", {"script": 1000 * timeout, "pageLoad": 1000 * timeout})

    def open(self, url: str) -> None:
        """Go to an address and wait until it has loaded."""
        self._in_session("POST", "/url", {"url": url})

    def run(self, script: str, *values):
        """Return what a script returns, ``arguments`` being the values; one that returns a promise is awaited."""
        return self._in_session("POST", "/execute/sync", {"script": script, "args": values})

    def resize(self, width: int, height: int) -> None:
        self._in_session("POST", "/window/rect", {"width": width, "height": height})

    def screenshot(self) -> bytes:
        """What the window shows, as a PNG file."""
        return base64.b64decode(self._in_session("GET", "/screenshot"))

    def close(self) -> None:
        self._in_session("DELETE", "")

    def _in_session(self, method: str, path: str, body: dict | None = None):
        return self._ask(method, f"/session/{self._session}{path}", body)

    def _ask(self, method: str, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._driver + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from None


def is_installed() -> bool:
    return all(map(shutil.which, PROGRAMS))


@contextlib.contextmanager
def webkit(home: Path, timeout: float = 600) -> Iterator[WebKit]:
    """A window of its own, with an empty profile in the folder ``home``; closed at the end."""
    port = free_port()
    settings = {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",  # A sandbox in a sandbox, or as root, does not start.
        "WEBKIT_DISABLE_DMABUF_RENDERER": "1",  # It needs a graphics card.
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    command = ["xvfb-run", "--auto-servernum", "WebKitWebDriver", f"--port={port}", "--host=127.0.0.1"]
    log = (home / "webkit.log").open("w+")
    process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | settings, start_new_session=True)
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        if process.poll() is not None:
            raise RuntimeError((home / "webkit.log").read_text())
        browser = WebKit(f"http://127.0.0.1:{port}", timeout)
        yield browser
        browser.close()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(60)
        log.close()
