"""What visitors send: limits, and the pictures inside zips. Nothing is ever unpacked to disk, nothing fetched."""

import dataclasses
import json
import zipfile
from pathlib import Path, PureWindowsPath

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chain.read import MAX_BYTES, PhotoError, check_bytes, read_file

MAX_UPLOAD_BYTES = 25 * 2**20  # The server refuses larger files unread. Gradio counts a megabyte so in what it says.
MAX_PHOTOS = 100  # In one request.
MAX_CALL_BYTES = 1_000_000  # Of a call, which only names the files that were sent before.

ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # With entries; without any.
ZIP_ENTRY = b"PK\x01\x02"
IGNORED = {"__macosx", ".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini"}  # What macOS and Windows add to zips.


def megabytes(size: int) -> str:
    """5_000_000 -> 5 MB."""
    return f"{size // 1_000_000} MB"


ODD_ZIP = "The zip is damaged, cut off or packed in a rare way; pack the pictures again."


@dataclasses.dataclass(frozen=True)
class Picture:
    """One file of a visitor, by itself or inside a zip; opened only when it is read.

    Attributes:
        name: as the visitor knows it, with its folder inside a zip.
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
        raise PhotoError(ODD_ZIP) from None


def list_pictures(files: list[Picture]) -> list[Picture]:
    """List uploads in their order, zips replaced by what is in them.

    Returns:
        At most MAX_PHOTOS pictures; where there were more, one after them says so.
    """
    pictures = []
    for picture in files:
        with picture.path.open("rb") as file:
            is_zip = file.read(4) in ZIP_STARTS
        pictures += _list_zip(picture.name, picture.path) if is_zip else [picture]
    if len(pictures) > MAX_PHOTOS:
        sentence = f"Only the first {MAX_PHOTOS} pictures were read; send the others separately."
        pictures[MAX_PHOTOS:] = [Picture(f"{len(pictures) - MAX_PHOTOS} more", Path(), error=sentence)]
    return pictures


def _list_zip(name: str, path: Path) -> list[Picture]:
    # Counted before zipfile makes an object of each: a small zip can name a million files.
    if path.read_bytes().count(ZIP_ENTRY) > 10 * MAX_PHOTOS:
        return [Picture(name, path, error=f"The zip holds too many files; put at most {MAX_PHOTOS} pictures into one.")]
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except Exception:  # BadZipFile, NotImplementedError on a version, UnicodeDecodeError on a name, struct.error, ...
        return [Picture(name, path, error=ODD_ZIP)]
    pictures = [_in_zip(path, member) for member in members if not _is_ignored(member.filename)]
    return pictures or [Picture(name, path, error="The zip is empty; put pictures into it.")]


def _is_ignored(name: str) -> bool:
    parts = PureWindowsPath(name.lower()).parts
    return not IGNORED.isdisjoint(parts) or parts[-1].startswith("._")


def _in_zip(path: Path, member: zipfile.ZipInfo) -> Picture:
    name = PureWindowsPath(member.filename)  # Takes both slashes.
    error = ""
    if name.root or ".." in name.parts:
        name = PureWindowsPath(name.name)
        error = "The zip gives this file a path outside itself; pack the pictures again."
    elif member.flag_bits & 1:
        error = "The zip is encrypted; pack the pictures without a password."
    return Picture(name.as_posix(), path, member, error)


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
