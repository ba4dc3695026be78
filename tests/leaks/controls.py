"""Positive controls: one leak planted in a copy of each kind of output, so that finding nothing means something."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

Plant = Callable[[str, Path | None], bytes]
NOISE = np.random.default_rng(1).integers(0, 256, 4096).astype(np.uint8).tobytes()


def _table(real: Path | None) -> pd.DataFrame:
    frame = pd.DataFrame()
    if real:
        frame = pd.read_parquet(real) if real.suffix == ".parquet" else pd.read_csv(real)
    return frame if len(frame) else pd.DataFrame({"image_id": ["0" * 32, "1" * 32], "rows": [512, 1024]})


def _parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def _cell(text: str, real: Path | None) -> bytes:
    frame = _table(real).astype("object")
    frame.iloc[len(frame) // 2, 0] = text
    return _parquet(pa.Table.from_pandas(frame.astype("str")))


def _parquet_column(values: list) -> bytes:
    return _parquet(pa.table({"image_id": ["0" * 32] * len(values), "more": values}))


def _parquet_column_metadata(text: str) -> bytes:
    field = pa.field("image_id", pa.string(), metadata={"note": text})
    return _parquet(pa.table({"image_id": ["0" * 32]}, schema=pa.schema([field])))


def _csv(text: str, real: Path | None, encoding: str) -> bytes:
    frame = _table(real).astype("str")
    frame.iloc[0, 0] = text
    return frame.to_csv(index=False, sep=";").encode(encoding)


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _npz(text: str) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, pixels=np.zeros((1, 8, 8), np.uint8), names=np.array([text, ""]))
    return file.getvalue()


def _picture(real: Path | None, side: int = 512) -> Image.Image:
    return Image.open(real).convert("L").resize((side, side)) if real else Image.new("L", (side, side), 60)


def _png(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def _png_text(text: str, real: Path | None, kind: str) -> bytes:
    info = PngInfo()
    if kind == "iTXt":
        info.add_itxt("Comment", text, zip=True)
    else:
        info.add_text("Comment", _latin(text), zip=kind == "zTXt")
    return _png(_picture(real, 64), pnginfo=info)


def _latin(text: str) -> str:
    """What a chunk of Latin-1 does to UTF-8 that is written into it."""
    return text.encode("utf-8").decode("latin-1")


def _exif(text: str) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = text.encode("utf-8")
    return exif


def _jpeg(text: str, real: Path | None, **options) -> bytes:
    file = io.BytesIO()
    _picture(real, 64).save(file, "JPEG", **options)
    return file.getvalue()


def burnt_in(text: str, real: Path | None) -> bytes:
    """A PNG with the text in its pixels, as a modality writes it."""
    image = _picture(real)
    ImageDraw.Draw(image).text((12, 12), text, fill=255, font=ImageFont.load_default(22), stroke_fill=0, stroke_width=2)
    return _png(image)


def _zip(members: dict[str, bytes], comment: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.comment = comment.encode("utf-8")
    return file.getvalue()


def _model(text: str, real: Path | None, member: str) -> bytes:
    """A `.keras` archive with the text in one of its members."""
    if real:
        with zipfile.ZipFile(real) as archive:
            members = {name: archive.read(name) for name in archive.namelist() if not name.endswith(".h5")}
    else:
        members = {"config.json": b"{}", "metadata.json": b"{}"}
    members["model.weights.h5"] = _hdf5(text if member == "weights" else "x", "attribute")
    if member in members:
        members[member] = json.dumps({**json.loads(members[member]), "note": text}).encode()
    return _zip(members)


def _hdf5(text: str, where: str) -> bytes:
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as hdf5:
        numbers = hdf5.create_dataset("layers/dense/0", data=np.zeros(8, np.float32))
        if where == "attribute":
            numbers.attrs["note"] = text
        else:
            hdf5.create_dataset("names", data=np.array([text.encode()], dtype="S200"), compression="gzip")
    return file.getvalue()


def _html(body: str, real: Path | None = None) -> bytes:
    page = real.read_text(encoding="utf-8") if real else "<!doctype html><html><body><h1>Report</h1></body></html>"
    return page.replace("</body>", f"<p>{body}</p></body>").encode()


def _log(line: str | bytes, real: Path | None) -> bytes:
    """The line among those of a real log."""
    before = real.read_bytes() if real else b"INFO nothing new\n"
    return before + (line.encode() if isinstance(line, str) else line) + b"\n" + before[-200:]


def _json(part: object, real: Path | None) -> bytes:
    return json.dumps({"before": json.loads(real.read_text()) if real else [], "part": part}).encode()


def _as_uri(data: bytes) -> str:
    return f'<img src="data:image/png;base64,{base64.b64encode(data).decode()}">'


def _wrapped_log(text: str) -> bytes:
    half = len(text) // 2
    at = next((i for i in range(half, len(text)) if text[i] == " "), half)
    return f"[11/23/26 19:00:00] INFO     Reading {text[:at]}\n{' ' * 29}{text[at:].strip()} …\n".encode()


CONTROLS: dict[str, tuple[str, Plant]] = {  # what → (file's name, function of the text and a real output of its kind)
    "log line": ("run.log", lambda text, real: _log(f"2026-11-23 19:00:00 DEBUG lung_cxr: row 7: {text}", real)),
    "log line, wrapped": ("run.log", lambda text, real: _log(_wrapped_log(text), real)),
    "log line, escaped": ("run.log", lambda text, real: _log(f"DEBUG {text.encode()!r} {text!a}", real)),
    "log line, mojibake": ("run.log", lambda text, real: _log(f"DEBUG {_latin(text)}", real)),
    "log line, base64": ("run.log", lambda text, real: _log(base64.b64encode(f"patient: {text}".encode()), real)),
    "log line, hexadecimal": ("run.log", lambda text, real: _log("DEBUG " + text.encode().hex(), real)),
    "parquet cell": ("records.parquet", _cell),
    "parquet list": ("records.parquet", lambda text, _: _parquet_column([["x"], [text]])),
    "parquet struct": ("records.parquet", lambda text, _: _parquet_column([{"a": {"b": text}}])),
    "parquet binary": ("records.parquet", lambda text, _: _parquet_column([text.encode()])),
    "parquet JSON": ("records.parquet", lambda text, _: _parquet_column([json.dumps({"a": [text]})])),
    "parquet file metadata": ("records.parquet", lambda text, real: _parquet(
        pa.Table.from_pandas(_table(real)).replace_schema_metadata({"writer": json.dumps({"from": text})}))),
    "parquet column metadata": ("records.parquet", lambda text, _: _parquet_column_metadata(text)),
    "parquet column name": ("records.parquet", lambda text, _: _parquet(pa.table({text: [1]}))),
    "csv, UTF-8 with BOM": ("table.csv", lambda text, real: _csv(text, real, "utf-8-sig")),
    "json string": ("summary.json", lambda text, real: _json([{"b": text}], real)),
    "json key": ("summary.json", lambda text, real: _json({text: 1}, real)),
    "json within json": ("summary.json", lambda text, real: _json(json.dumps({"b": text}), real)),
    "yaml": ("conf.yml", lambda text, _: f"note: {json.dumps(text)}\n".encode()),
    "npy of text": ("array.npy", lambda text, _: _npy(np.array([text, ""]))),
    "npy field name": ("array.npy", lambda text, _: _npy(np.zeros(2, dtype=[(text, "f4")]))),
    "npy bytes": ("array.npy", lambda text, _: _npy(np.frombuffer(b"\0" * 64 + text.encode(), np.uint8))),
    "npz": ("arrays.npz", lambda text, _: _npz(text)),
    "png tEXt": ("x.png", lambda text, real: _png_text(text, real, "tEXt")),
    "png zTXt": ("x.png", lambda text, real: _png_text(text, real, "zTXt")),
    "png iTXt": ("x.png", lambda text, real: _png_text(text, real, "iTXt")),
    "png eXIf": ("x.png", lambda text, real: _png(_picture(real, 64), exif=_exif(text))),
    "png after its end": ("x.png", lambda text, real: _png(_picture(real, 64)) + text.encode()),
    "jpeg EXIF": ("x.jpg", lambda text, real: _jpeg(text, real, exif=_exif(text))),
    "jpeg comment": ("x.jpg", lambda text, real: _jpeg(text, real, comment=text.encode())),
    "zip member": ("x.zip", lambda text, _: _zip({"a.txt": f"{text}\n{text}\n".encode()})),
    "zip member's name": ("x.zip", lambda text, _: _zip({f"{text.replace('/', '-')}.txt": b""})),
    "zip comment": ("x.zip", lambda text, _: _zip({"a": b"x"}, text)),
    "keras config": ("model.keras", lambda text, real: _model(text, real, "config.json")),
    "keras metadata": ("model.keras", lambda text, real: _model(text, real, "metadata.json")),
    "keras weights": ("model.keras", lambda text, real: _model(text, real, "weights")),
    "hdf5 strings": ("x.h5", lambda text, _: _hdf5(text, "dataset")),
    "html": ("report.html", lambda text, real: _html(f"patient <b>{text[:4]}</b>{text[4:]}", real)),
    "html entities": ("report.html", lambda text, real: _html("".join(f"&#{ord(letter)};" for letter in text), real)),
    "html base64 picture": ("report.html", lambda text, real: _html(_as_uri(_png_text(text, None, "zTXt")), real)),
    "unknown bytes, UTF-8": ("x.bin", lambda text, _: NOISE + b"\0" + text.encode() + b"\0" + NOISE),
}  # fmt: skip

IN_PIXELS: dict[str, tuple[str, Plant]] = {
    "png pixels": ("x.png", burnt_in),
    "html base64 pixels": ("report.html", lambda text, real: _html(_as_uri(burnt_in(text, None)))),
    "npy pixels": (
        "pixels.npy",
        lambda text, real: _npy(np.asarray(Image.open(io.BytesIO(burnt_in(text, None))))[None]),
    ),
}
