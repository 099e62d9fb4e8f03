"""Judge parts of a great many photos: what each of `predict_ray`'s workers does.

It holds a LiteRT network and the chain, no Keras or TensorFlow: a worker starts within a second and takes some 100 MB.
"""

import contextlib
import hashlib
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict, get_args, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from ai_edge_litert.interpreter import Interpreter
from pyarrow import fs

from train.chain.info import Rule
from train.chain.read import MISSING, UNREADABLE, PhotoError, check_bytes, read_photo
from train.chain.resize import resize
from train.chain.verdict import Row, error_row, face_views, rows

SUFFIX = ".parquet"
TYPES = {str: pa.string(), int: pa.int32(), float: pa.float64(), bool: pa.bool_(), list[int]: pa.list_(pa.int32())}
# Of a `Row`'s columns, whose types are these or None.
SCHEMA = pa.schema({name: TYPES[(get_args(of) or (of,))[0]] for name, of in get_type_hints(Row).items()})
Store = tuple[fs.FileSystem, str] | None  # A file system, and what names have before its paths; None: this machine.
AT_ONCE = 16  # Files that a worker asks of a store together: an answer takes longer than judging a photo.


class Part(TypedDict):
    """Files that one worker judges together."""

    store: int  # Index of the one where they lie.
    names: list[bytes]


class Judge:
    """A warm network, and where it reads and writes; for Ray Data's `map_batches`."""

    def __init__(
        self, network: bytes, info: Rule, as_is: bool, stores: list[Store], out: tuple[fs.FileSystem, str], here: Path
    ):
        """Load the network.

        Args:
            network: content of a LiteRT file from float32 (1, size, size, 3), RGB, 0..255, to P(real) (1, 1) and
                maybe more.
            info: what makes verdicts of its answers.
            as_is: whether each picture is a face that is cut out already.
            stores: where files lie.
            out: file system and folder to write into.
            here: what relative names start from.
        """
        self.info, self.as_is, self.stores, self.out, self.here = info, as_is, stores, out, here
        self.network = Interpreter(model_content=network, num_threads=1)  # A worker has one core.
        self.network.allocate_tensors()
        [self.pixels] = self.network.get_input_details()
        self.p_real = next(each["index"] for each in self.network.get_output_details() if len(each["shape"]) == 2)
        self.readers = ThreadPoolExecutor(AT_ONCE)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Judge one part, unless that is done: ``store`` (1,), its index; ``names`` (1,), a list of files' names.

        The part's file is written beside, then renamed, and its name follows from those of its photos. So a part that
        is judged once more, since a worker was lost, leaves the same file, and a part of one never counts.

        Returns:
            ``count`` (1,), int64: how many files the part has; ``refused`` (1,): why it could not be written, "" if it
            was. Ray would hand on an error without its cause.
        """
        store, names = self.stores[batch["store"][0]], list(batch["names"][0])
        refused = ""
        try:
            self.write(store, names)
        except OSError as error:
            refused = str(error)
        return {"count": np.array([len(names)]), "refused": np.array([refused])}

    def write(self, store: Store, names: list[bytes]) -> None:
        """Judge a part and write its file, unless that is there.

        Raises:
            OSError: it can't be written.
        """
        system, folder = self.out
        path = f"{folder}/{name_of(names)}"
        if system.get_file_info(path).type != fs.FileType.NotFound:
            return
        found = pa.Table.from_pylist(self.rows_of(store, names), SCHEMA)
        partial = f"{folder}/_{uuid.uuid4().hex}"  # Readers of Parquet folders leave out what begins so.
        try:
            with system.open_output_stream(partial) as file:
                pa.parquet.write_table(found, file)
            system.move(partial, path)
        except OSError:
            with contextlib.suppress(OSError):  # There is none.
                system.delete_file(partial)
            raise

    def rows_of(self, store: Store, names: list[bytes]) -> list[Row]:
        """The rows of a part's files, in order."""
        found: list[Row] = []
        for start in range(0, len(names), AT_ONCE):
            group = names[start : start + AT_ONCE]
            for name, source in zip(group, self.readers.map(lambda name: fetched(store, self.here, name), group)):
                found += self.rows_of_one(text(name), source)
        return found

    def rows_of_one(self, name: str, source: Path | bytes | PhotoError) -> list[Row]:
        """The rows of one photo."""
        try:
            if isinstance(source, PhotoError):
                raise source
            views = face_views(read_photo(source), self.as_is)
        except PhotoError as error:
            return [error_row(name, str(error), self.info)]
        return rows(name, views, [self.judged(view.pixels) for view in views], self.info)

    def judged(self, pixels: np.ndarray) -> float:
        """P(real), 0..1, of one view, uint8 (height, width, 3)."""
        self.network.set_tensor(self.pixels["index"], resize(pixels, self.pixels["shape"][1])[None])
        self.network.invoke()
        return float(self.network.get_tensor(self.p_real)[0, 0])


def fetched(store: Store, here: Path, name: bytes) -> Path | bytes | PhotoError:
    """What `read_photo` takes: a path on this machine, or a store's file; or why that can't be had."""
    if store is None:
        return here / os.fsdecode(name)
    system, scheme = store
    try:
        with system.open_input_file(text(name).removeprefix(scheme)) as file:
            check_bytes(file.size())
            return file.read()
    except PhotoError as error:
        return error
    except FileNotFoundError:
        return PhotoError(MISSING)
    except OSError as error:
        return PhotoError(UNREADABLE.format(str(error).splitlines()[0]))


def name_of(names: list[bytes]) -> str:
    """The name of a part's file."""
    return hashlib.sha256(b"\0".join(names)).hexdigest()[:32] + SUFFIX


def text(name: bytes) -> str:
    """A file's name for a table in UTF-8; bytes that are none as \\xNN."""
    return name.decode("utf-8", "backslashreplace")
