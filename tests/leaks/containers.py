"""Extract every text from a file: from tables, archives, models, pictures, encodings, and files inside files.

Only formats that a run writes are opened. Each text comes with its path inside the file ("report.html ▸ base64 ▸
tEXt"). A file that its reader refuses is still searched as plain bytes.
"""

import base64
import binascii
import html
import io
import json
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from leaks.needles import BOUNDARY

STEP = " ▸ "
MAX_DEPTH = 8
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
HEXADECIMAL = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{2}){8,}(?![0-9A-Za-z])")
TAGS = re.compile(r"<[^<>]*>")
PRINTABLE = re.compile(r"[^\x00-\x08\x0e-\x1f\x7f\ufffd]{16,}")
ESCAPES = re.compile(r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[0-7]{3}")
MIN_OCR_SIDE = 64  # pixels: no letter can be read in less

Array = np.ndarray[Any, Any]
ReadText = Callable[[Array], list[str]]


@dataclass(frozen=True)
class Text:
    """A text and where it was.

    Attributes:
        where: The way to it.
        text: Its content; texts that do not belong together are separated by `BOUNDARY`.
        cells: The same as single texts where it is a column, None where it is no table's.
        column: The column's name.
        is_numeric: Whether the column holds numbers.
        is_read: Whether it was read from pixels and may be misspelt.
    """

    where: str
    text: str
    cells: tuple[str, ...] | None = None
    column: str = ""
    is_numeric: bool = False
    is_read: bool = False


@dataclass
class Opener:
    """Opens files and whatever is in them.

    Args:
        read_text: (H, W) uint8 → the texts in a picture; None: pictures are not read.

    Attributes:
        opened: How many of each kind were opened, members of archives and decoded texts included.
        bytes: How many, of all of them.
    """

    read_text: ReadText | None
    opened: Counter[str] = field(default_factory=Counter)
    bytes: int = 0

    def texts(self, where: str, data: bytes, depth: int = 0) -> Iterator[Text]:
        """Yield every text in a file's bytes; `where` begins with its name."""
        if depth > MAX_DEPTH:
            raise ValueError(f"{where}: nested more than {MAX_DEPTH} deep")
        self.bytes += len(data)
        yield from self._raw(where, data, depth)
        for name, recognises, reader in READERS:
            if recognises(where.lower(), data):
                self.opened[name] += 1
                try:
                    yield from reader(self, f"{where}{STEP}{name}", data, depth)
                except Exception as error:  # a damaged file: its plain bytes were searched
                    self.opened[f"{name} that cannot be read ({type(error).__name__})"] += 1

    def nested(self, where: str, value: Any, depth: int) -> Iterator[Text]:
        """Yield the texts of a value of any type: a cell, an attribute, a part of JSON."""
        if isinstance(value, dict):
            for key, part in value.items():
                yield from self.nested(where, key, depth)
                yield from self.nested(f"{where}{STEP}{key if isinstance(key, str) else '…'}", part, depth)
        elif isinstance(value, list | tuple | set | np.ndarray):
            for part in value:
                yield from self.nested(where, part, depth)
        elif isinstance(value, bytes | bytearray):
            yield from self.texts(where, bytes(value), depth + 1)
        elif value is not None:
            yield from self.text(where, str(value), depth)

    def text(self, where: str, text: str, depth: int) -> Iterator[Text]:
        """Yield a text as it is, and decoded in every way that it may have been encoded."""
        yield Text(where, text, (text,))
        for plain, how in {plain: how for how, plain in self._unescaped(text)}.items():
            if plain != text:
                yield Text(f"{where}{STEP}{how}", plain)
        if text[:1] in "{[" and text[-1:] in "}]" and depth < MAX_DEPTH:
            yield from self._json(where, text, depth)
        for decoded, how in self._decoded(text):
            self.opened[how] += 1
            yield from self.texts(f"{where}{STEP}{how}", decoded, depth + 1)

    def column(self, where: str, name: str, values: Iterable[Any], depth: int) -> Iterator[Text]:
        """Yield a table's column: its cells together, and whatever is wrapped in one of them."""
        values = list(values)
        numeric = all(isinstance(value, int | float | np.number) or value is None for value in values)
        flat = [value for value in values if not isinstance(value, dict | list | tuple | bytes | np.ndarray)]
        cells = tuple(dict.fromkeys("" if value is None else str(value) for value in flat))
        yield Text(where, BOUNDARY.join(cells), cells, name, numeric)
        for value in values:
            if isinstance(value, dict | list | tuple | bytes | np.ndarray):
                yield from self.nested(where, value, depth)
        for cell in cells:
            if not numeric and (len(cell) >= 16 or "\\" in cell or "&" in cell):
                yield from (replace(text, column=name) for text in self.text(where, cell, depth))

    def picture(self, where: str, pixels: Array) -> Iterator[Text]:
        """Yield what stands in a picture, (H, W) or (H, W, channels)."""
        if self.read_text is None or min(pixels.shape[:2]) < MIN_OCR_SIDE:
            return
        self.opened["pictures read"] += 1
        for text in self.read_text(pixels):
            yield Text(f"{where}{STEP}pixels", text, (text,), is_read=True)

    def _raw(self, where: str, data: bytes, depth: int) -> Iterator[Text]:
        """Yield plain bytes as UTF-8; a byte that is no letter is a boundary."""
        as_utf8 = data.decode("utf-8", "replace")
        if "\ufffd" not in as_utf8 and "\0" not in as_utf8:
            self.opened["plain text"] += 1
            yield from self.text(where, as_utf8, depth)
            return
        yield Text(where, as_utf8.replace("\ufffd", BOUNDARY).replace("\0", BOUNDARY))
        for match in PRINTABLE.finditer(as_utf8):
            yield from self.text(where, match[0], depth)

    def _unescaped(self, text: str) -> Iterator[tuple[str, str]]:
        if "&" in text:
            yield "entities", html.unescape(text)
        if "<" in text:
            yield "without tags", TAGS.sub("", text)
        if "\\" in text:
            plain = ESCAPES.sub(lambda match: chr(_code_of(match[0])), text)
            yield "escapes", plain
            yield "escapes", plain.encode("latin-1", "replace").decode("utf-8", "replace")  # the repr of UTF-8 bytes

    def _json(self, where: str, text: str, depth: int) -> Iterator[Text]:
        try:
            content = json.loads(text)
        except ValueError:
            return
        self.opened["json"] += 1
        yield from self.nested(f"{where}{STEP}json", content, depth + 1)

    def _decoded(self, text: str) -> Iterator[tuple[bytes, str]]:
        for match in BASE64.finditer(text):
            token = match[0].replace("-", "+").replace("_", "/").rstrip("=")
            try:
                content = base64.b64decode(token + "=" * (-len(token) % 4))
            except (binascii.Error, ValueError):
                continue
            if _is_something(content):
                yield content, "base64"
        for match in HEXADECIMAL.finditer(text):
            content = bytes.fromhex(match[0])
            if _is_something(content):
                yield content, "hexadecimal"


def _code_of(escape: str) -> int:
    return int(escape[2:], 16) if escape[1] in "ux" else int(escape[1:], 8) & 255


def _is_something(content: bytes) -> bool:
    """Whether decoded bytes are more than noise: text, or a file of a known kind."""
    if any(recognises("", content) for _, recognises, _ in READERS):
        return True
    try:
        return content.decode("utf-8").replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable()
    except UnicodeDecodeError:
        return False


def _parquet(opener: Opener, where: str, data: bytes, depth: int) -> Iterator[Text]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(io.BytesIO(data))
    yield from opener.nested(f"{where}{STEP}metadata", dict(file.schema_arrow.metadata or {}), depth)
    yield from opener.nested(f"{where}{STEP}metadata", dict(file.metadata.metadata or {}), depth)
    for group in range(file.metadata.num_row_groups):
        for number in range(file.metadata.num_columns):
            chunk = file.metadata.row_group(group).column(number)
            if chunk.is_stats_set and chunk.statistics.has_min_max:
                extremes = [chunk.statistics.min, chunk.statistics.max]
                yield from opener.column(f"{where}{STEP}statistics", chunk.path_in_schema, extremes, depth)
    table = file.read()
    for name in table.column_names:
        column = table.schema.field(name)
        yield from opener.nested(f"{where}{STEP}schema", {name: dict(column.metadata or {})}, depth)
        yield from opener.column(f"{where}{STEP}{name}", name, table[name].to_pylist(), depth)


def _csv(opener: Opener, where: str, data: bytes, depth: int) -> Iterator[Text]:
    import pandas as pd

    frame = pd.read_csv(io.BytesIO(data), encoding_errors="replace", low_memory=False)
    for name in frame.columns:
        yield from opener.column(f"{where}{STEP}{name}", str(name), frame[name].tolist(), depth)


def _zip(opener: Opener, where: str, data: bytes, depth: int) -> Iterator[Text]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        yield from opener.nested(f"{where}{STEP}comment", archive.comment, depth)
        for member in archive.infolist():
            yield Text(f"{where}{STEP}member's name", member.filename)
            yield from opener.nested(f"{where}{STEP}comment", member.comment, depth)
            yield from opener.texts(f"{where}{STEP}{member.filename}", archive.read(member), depth + 1)


def _hdf5(opener: Opener, where: str, data: bytes, depth: int) -> Iterator[Text]:
    import h5py

    found: list[tuple[str, Any]] = []

    def visit(name: str, item: Any) -> None:
        found.extend((name, value) for pair in item.attrs.items() for value in pair)
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "OSU":
            found.append((name, item[()]))

    with h5py.File(io.BytesIO(data)) as file:
        visit("", file)
        file.visititems(lambda name, item: (found.append(("", name)), visit(name, item))[1])
        for name, value in found:
            yield from opener.nested(f"{where}{STEP}{name}", value, depth)


def _array(opener: Opener, where: str, data: bytes, depth: int) -> Iterator[Text]:
    size = struct.unpack("<H", data[8:10])[0] if data[6] == 1 else struct.unpack("<I", data[8:12])[0]
    yield from opener.text(f"{where}{STEP}header", data[10 : 12 + size].decode("latin-1"), depth)
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if array.dtype.kind in "SU":
        yield from opener.column(where, "", array.ravel().tolist(), depth)
    elif array.dtype == np.uint8 and array.ndim in (2, 3):
        for number, pixels in enumerate(array if array.ndim == 3 else array[None]):
            yield from opener.picture(f"{where}{STEP}{number}", pixels)


def _png(opener: Opener, where: str, data: bytes, depth: int) -> Iterator[Text]:
    position = 8
    while position + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        content = data[position + 8 : position + 8 + length]
        if kind in (b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"iCCP"):
            opener.opened["png chunk"] += 1
            for part in (content, _inflated(content)):
                yield from opener.texts(f"{where}{STEP}{kind.decode()}", part, depth + 1)
        position += 12 + length
    yield from _pixels(opener, where, data)


def _inflated(content: bytes) -> bytes:
    """What is compressed behind a chunk's keyword."""
    for start in (match.start() for match in re.finditer(b"\x78[\x01\x5e\x9c\xda]", content)):
        try:
            return zlib.decompressobj().decompress(content[start:])
        except zlib.error:
            continue
    return b""


def _raster(opener: Opener, where: str, data: bytes, depth: int) -> Iterator[Text]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        for value in [*image.getexif().items(), *image.getexif().get_ifd(0x8769).items(), *image.info.items()]:
            yield from opener.nested(where, value, depth)
    yield from _pixels(opener, where, data)


def _pixels(opener: Opener, where: str, data: bytes) -> Iterator[Text]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            yield from opener.picture(where, np.asarray(image.convert("RGBA").convert("L")))


def _begins(*magic: bytes) -> Callable[[str, bytes], bool]:
    return lambda _, data: data.startswith(magic)


Reader = Callable[[Opener, str, bytes, int], Iterator[Text]]
READERS: list[tuple[str, Callable[[str, bytes], bool], Reader]] = [
    ("parquet", _begins(b"PAR1"), _parquet),
    ("csv", lambda where, _: where.endswith(".csv"), _csv),
    ("zip", _begins(b"PK\x03\x04", b"PK\x05\x06"), _zip),
    ("hdf5", _begins(b"\x89HDF\r\n\x1a\n"), _hdf5),
    ("npy", _begins(b"\x93NUMPY"), _array),
    ("png", _begins(b"\x89PNG\r\n\x1a\n"), _png),
    ("jpeg", _begins(b"\xff\xd8\xff"), _raster),
]
