"""What visitors send: limits, and the pictures inside zips. Nothing is ever unpacked to disk, nothing fetched.

Which files of a zip are pictures, and what is said of a zip, stands in ``zips.json``, which the page follows too.
"""

import dataclasses
import json
import re
import zipfile
from pathlib import Path

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chain.read import MAX_BYTES, PhotoError, check_bytes, read_file

MAX_UPLOAD_BYTES = 25 * 2**20  # The server refuses larger files unread. Gradio counts a megabyte so in what it says.
MAX_PHOTOS = 100  # In one request.
MAX_CALL_BYTES = 1_000_000  # Of a call, which only names the files that were sent before.

ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # With entries; without any.
ZIP_ENTRY = b"PK\x01\x02"
ZIPS = json.loads((Path(__file__).parent / "zips.json").read_text())


def megabytes(size: int) -> str:
    """5_000_000 -> 5 MB."""
    return f"{size // 1_000_000} MB"


@dataclasses.dataclass(frozen=True)
class Picture:
    """One file of a visitor, by itself or inside a zip; opened only when it is read.

    Attributes:
        name: as the visitor knows it, behind that of its zip.
        path: of the uploaded file.
        member: of the zip, if it is in one.
        error: the sentence that `read` raises, where listing found a reason already.
    """

    name: str
    path: Path
    member: zipfile.ZipInfo | None = None
    error: str = ""

    def read(self) -> bytes:
        """The file's bytes: no more than MAX_BYTES are ever unpacked, whatever a zip's header says.

        Raises:
            PhotoError: there is an error, or the file is too large, or damaged or encrypted inside its zip.
        """
        if self.error:
            raise PhotoError(self.error)
        if not self.member:
            return read_file(self.path)
        check_bytes(self.member.file_size)
        return _unpacked(self.path, self.member)


def _unpacked(path: Path, member: zipfile.ZipInfo) -> bytes:
    """A file in a zip; what is longer than its header says is damaged."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            return file.read(MAX_BYTES)  # Without a number, all is unpacked first.
    except Exception:  # Each way of packing has its own kinds on damaged data: zlib.error, LZMAError, ...
        raise PhotoError(ZIPS["odd"]) from None


def list_pictures(files: list[Picture]) -> tuple[list[Picture], int]:
    """List uploads in their order, zips replaced by the pictures in them.

    Returns:
        At most MAX_PHOTOS pictures; where there were more, one after them says so. And how many files of the zips were
        left out, since they are no pictures by their names.
    """
    pictures, left_out = [], 0
    for picture in files:
        with picture.path.open("rb") as file:
            is_zip = file.read(4) in ZIP_STARTS
        found, others = _list_zip(picture.name, picture.path) if is_zip else ([picture], 0)
        pictures += found
        left_out += others
    if len(pictures) > MAX_PHOTOS:
        sentence = f"Only the first {MAX_PHOTOS} pictures were read; send the others separately."
        pictures[MAX_PHOTOS:] = [Picture(f"{len(pictures) - MAX_PHOTOS} more", Path(), error=sentence)]
    return pictures, left_out


def _list_zip(name: str, path: Path) -> tuple[list[Picture], int]:
    """Its pictures, or one that says what is wrong with it; and how many other files it holds."""
    # Counted before zipfile makes an object of each: a small zip can name a million files.
    if path.read_bytes().count(ZIP_ENTRY) > 10 * MAX_PHOTOS:
        sentence = f"The zip holds too many files; put at most {MAX_PHOTOS} pictures into one."
        return [Picture(name, path, error=sentence)], 0
    try:
        with zipfile.ZipFile(path) as archive:
            members = [(member.filename.replace("\\", "/"), member) for member in archive.infolist()]
    except Exception:  # BadZipFile, NotImplementedError on a version, UnicodeDecodeError on a name, struct.error, ...
        return [Picture(name, path, error=ZIPS["odd"])], 0
    files = [(inside, member) for inside, member in members if not inside.endswith("/")]
    pictures = [Picture(f"{name}/{inside}", path, member) for inside, member in files if is_picture(inside)]
    if not pictures:
        return [Picture(name, path, error=ZIPS["none"])], 0
    return pictures, len(files) - len(pictures)


def is_picture(name: str) -> bool:
    """Whether a file of a zip is a picture, by its name, folders before it with slashes; what macOS adds is none."""
    return bool(re.search(ZIPS["picture"], name, re.IGNORECASE)) and not re.search(ZIPS["hidden"], name, re.IGNORECASE)


class FetchNothing:
    """Keeps Gradio from fetching a file that a call names by its address: whole, from anywhere, without a limit.

    Such a file loses the mark of an upload, so that Gradio hands it on as it is, to be refused with a sentence.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = dict(scope.get("headers", ())).get(b"content-type", b"")
        if scope["type"] != "http" or scope["method"] != "POST" or kind.startswith(b"multipart/form-data"):
            await self._app(scope, receive, send)  # What carries files has its own limit.
            return
        body, is_more = b"", True
        while is_more:
            message = await receive()
            body += message.get("body", b"")
            is_more = message.get("more_body", False)
            if len(body) > MAX_CALL_BYTES:
                await PlainTextResponse("The call is too long; send files by an upload.", 413)(scope, receive, send)
                return
        waiting: list[Message] = [{"type": "http.request", "body": without_addresses(body), "more_body": False}]

        async def received() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, received, send)


def without_addresses(body: bytes) -> bytes:
    """A call's JSON, in which no address of the web is marked as an upload; anything else as it is."""

    def unmarked(value: dict) -> dict:
        is_address = "://" in str(value.get("path"))
        return {key: some for key, some in value.items() if not (is_address and key == "meta")}

    try:
        return json.dumps(json.loads(body, object_hook=unmarked)).encode()
    except (ValueError, RecursionError):
        return body
