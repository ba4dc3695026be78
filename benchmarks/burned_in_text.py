"""Measure how much drawn text `redact` removes from real radiographs, and how many radiographs without text it changes.

    LUNG_CXR_PUBLIC_ROOT=… python benchmarks/burned_in_text.py out.json [--half evaluation] [--images 60] [--skip 0]

Every radiograph of the public collection gets five texts in known places: names, numbers, dates, small, turned, stacked
and large text, initials, barcodes; bright or dark, with a contrast of 40 grey levels and more, in four fonts. A text is
gone if 95 % of its ink is black afterwards, missed if less than 5 % is. The unchanged radiographs are redacted too:
`--crops` saves those that changed, with frames, so that a person can decide whether they held text.

Thresholds are chosen on patients of the half `development`; rates are reported on `evaluation`. No patient is in both.
"""

# ruff: noqa: SIM905  lists of words are easier to read as text
import argparse
import json
import os
import time
import zlib
from collections import Counter
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from PIL import Image, ImageDraw, ImageFont

from lung_cxr.imaging.deidentify.burned_in_text import redact
from lung_cxr.imaging.reasons import Rejection
from lung_cxr.synthetic.hospital.people import without_accents

SIDE = 1024
SEEN = 90  # every other image was tuned on; of the rest, so many were measured before November 28, 2026
TEXTS = 5  # of a radiograph
KINDS = ("name", "number", "date", "small", "vertical", "stacked", "large", "initials", "barcode")
SIZES = {"small": (10, 13), "large": (100, 150), "initials": (16, 48), "vertical": (14, 40), "stacked": (16, 32)}
FAMILIES = ("NGUYỄN TRẦN LÊ PHẠM HOÀNG VÕ ĐẶNG BÙI ĐỖ HỒ NGÔ DƯƠNG LÝ MAI SMITH GARCIA MÜLLER").split()
GIVEN = ("VĂN THỊ MINH KHÁNH HOA LAN HÙNG ANH ĐỨC THU HẰNG TUẤN JOHN MARIA ELENA QUANG").split()
FONTS = ["DejaVuSans.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSerif.ttf", None]  # None: Pillow's own, without accents


def main() -> None:
    """Measure one half of the images; print the rates and write every text's outcome."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--half", choices=("development", "evaluation"), default="evaluation")
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--skip", type=int, default=0, help="images of the half that come before")
    parser.add_argument("--crops", type=Path)
    parser.add_argument("--workers", type=int, default=-1)
    given = parser.parse_args()
    paths = choose_images(Path(os.environ["LUNG_CXR_PUBLIC_ROOT"]), given.half)[given.skip :][: given.images]
    measured = Parallel(given.workers)(delayed(measure_image)(path, given.crops) for path in paths)
    texts = pd.DataFrame([text for image in measured for text in image["texts"]])
    touched = Counter(image["touched"] for image in measured)
    rates = texts.groupby("kind")["outcome"].value_counts().unstack(fill_value=0)
    rates.loc["all"] = rates.sum()
    print(rates.to_string())
    print(f"unchanged radiographs that were touched: {touched[True]} of {len(paths)}")
    print(f"CPU seconds per radiograph: {np.mean([image['seconds'] for image in measured]):.2f}")
    given.out.write_text(json.dumps(measured, indent=1))


def choose_images(root: Path, half: str) -> list[Path]:
    """Return the images of one half, in an order that their names do not decide.

    Patients of an image that earlier versions of the detector were tuned or measured on belong to `development`.
    """
    tables = [pd.read_csv(root / f"{name}.csv", dtype=str) for name in ("metadata", "metadata_extra")]
    listed = pd.concat([tables[0], tables[1][tables[1]["tier"] != "lowres_64px"]], ignore_index=True)
    listed["order"] = [zlib.crc32(Path(image).name.encode()) for image in listed["image"]]
    listed = listed.sort_values("order")
    first = listed[listed["image"].isin(tables[0]["image"])]
    seen = pd.concat([first[::2], first[1::2][:SEEN]])["patient_id"]
    chosen = listed[listed["patient_id"].isin(seen) == (half == "development")]
    return [root / image for image in chosen["image"]]


def measure_image(path: Path, crops: Path | None) -> dict:
    """Return what became of five drawn texts, and whether the radiograph as it is was touched."""
    image = read_image(path)
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    cleared, seconds = redacted(image)
    drawn, texts = draw_texts(image, rng)
    after, _ = redacted(drawn)
    outcomes = [{**facts, "outcome": outcome_of(after, ink)} for ink, facts in texts]
    touched = bool((cleared != image).any())
    if touched and crops is not None:
        save_crops(crops, path.stem, image, cleared != image)
    return {"image": path.stem, "touched": touched, "seconds": seconds, "texts": outcomes}


def read_image(path: Path) -> np.ndarray:
    """Return a radiograph, its longer side 1024 pixels, (H, W) uint8."""
    image = Image.open(path).convert("L")
    scale = SIDE / max(image.size)
    return np.asarray(image.resize([round(side * scale) for side in image.size], Image.Resampling.BICUBIC))


def redacted(image: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the redacted image (all black if it is rejected) and the CPU time."""
    started = time.process_time()
    try:
        after = redact(image).image
    except Rejection:
        after = np.zeros_like(image)
    return after, time.process_time() - started


def draw_texts(image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, list]:
    """Draw `TEXTS` texts that do not overlap; return the radiograph and, of each, where its ink is and what it is."""
    image, taken, texts = image.copy(), np.zeros(image.shape, bool), []
    for _ in range(60):
        if len(texts) == TEXTS:
            break
        kind = KINDS[rng.integers(len(KINDS))]
        size = int(rng.integers(*SIZES.get(kind, (14, 40))))
        mask = barcode(rng) if kind == "barcode" else glyphs(kind, size, rng)
        height, width = mask.shape
        if height + 8 > image.shape[0] or width + 8 > image.shape[1]:
            continue
        top, left = (
            int(rng.integers(4, limit - side - 3)) for limit, side in zip(image.shape, mask.shape, strict=True)
        )
        if rng.random() < 0.6:  # most modalities write along the upper or lower edge
            top = 4 if rng.random() < 0.5 else image.shape[0] - height - 4
        place = np.s_[top : top + height, left : left + width]
        around = np.s_[max(0, top - 14) : top + height + 14, max(0, left - 14) : left + width + 14]
        contrast, level = int(rng.choice([40, 60, 90, 140, 255])), float(np.median(image[place]))
        if taken[around].any() or image[place].std() > contrast / 3:
            continue
        grey = level + contrast if level + contrast <= 255 or level < 128 else level - contrast
        grey = float(np.clip(grey, 0, 255))
        if abs(grey - level) < 40:
            continue
        image[place] = np.rint(image[place] * (1 - mask) + grey * mask)
        ink = np.zeros(image.shape, bool)
        ink[place] = mask > 0.5
        if grey < level:  # dark text is gone when its surroundings are as dark
            ink = cv2.dilate(ink.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
        taken[around] = True
        texts.append((ink, {"kind": kind, "size": size, "contrast": round(abs(grey - level)), "dark": grey < level}))
    return image, texts


def glyphs(kind: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return anti-aliased ink, (h, w) float 0…1; `size`: height of a capital letter in pixels."""
    text = words(kind, rng)
    name = FONTS[rng.integers(len(FONTS))]
    font = load_font(name, size)
    text = without_accents(text) if name is None else text
    spaced = "\n".join(text.replace(" ", "")) if kind == "stacked" else text
    canvas = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = canvas.multiline_textbbox((0, 0), spaced, font=font)
    mask = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(mask).multiline_text((1 - left, 1 - top), spaced, fill=255, font=font)
    turned = mask.rotate(90 if rng.random() < 0.5 else 270, expand=True) if kind == "vertical" else mask
    return np.asarray(turned, np.float32) / 255


def load_font(name: str | None, height: int) -> ImageFont.FreeTypeFont:
    """Return a font in which a capital letter is `height` pixels high."""
    folder = Path(matplotlib.get_data_path()) / "fonts/ttf"
    for size in range(height, 2 * height + 2):
        font = ImageFont.load_default(size) if name is None else ImageFont.truetype(folder / name, size)
        _, top, _, bottom = font.getbbox("H")
        if bottom - top >= height:
            break
    return font


def words(kind: str, rng: np.random.Generator) -> str:
    """Return what a modality writes: invented names, numbers and days."""
    family, middle, given = rng.choice(FAMILIES), rng.choice(GIVEN), rng.choice(GIVEN)
    name = f"{family} {middle} {given}" if rng.random() < 0.6 else f"{family.title()} {middle.title()} {given.title()}"
    number = f"{rng.integers(10**7, 10**8)}" if rng.random() < 0.5 else f"PID-{rng.integers(10**5, 10**6)}"
    day = f"{rng.integers(1, 29):02d}/{rng.integers(1, 13):02d}/{rng.integers(1930, 2027)}"
    initials = (f"{family[0]}.{middle[0]}.{given[0]}", f"{family[0]}{middle[0]}{given[0]}", f"{family[0]}{given[0]}")
    choices = {
        "name": name,
        "number": number,
        "date": day,
        "large": str(rng.choice([family, given, f"{rng.integers(10**4, 10**5)}"])),
        "initials": initials[rng.integers(3)],
        "stacked": str(rng.choice([family, number])),
    }
    return choices.get(kind) or str(rng.choice([name, number, day]))


def barcode(rng: np.random.Generator) -> np.ndarray:
    """Return random bars as those of Code 128, (h, w) float 0 or 1."""
    module, height = int(rng.integers(2, 4)), int(rng.integers(30, 70))
    bars = np.repeat(np.arange(60) % 2 == 0, rng.integers(1, 5, 60) * module).astype(np.float32)
    code = np.tile(bars, (height, 1))
    return np.rot90(code) if rng.random() < 0.25 else code


def outcome_of(after: np.ndarray, ink: np.ndarray) -> str:
    """Return whether a text is gone, partly gone or missed."""
    share = float((after[ink] == 0).mean())
    return "gone" if share >= 0.95 else "partly" if share >= 0.05 else "missed"


def save_crops(folder: Path, name: str, image: np.ndarray, changed: np.ndarray) -> None:
    """Save the radiograph with the changed places framed."""
    folder.mkdir(parents=True, exist_ok=True)
    framed = np.repeat(image[..., None], 3, axis=2)
    contours, _ = cv2.findContours(changed.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    for contour in contours:
        x, y, width, height = cv2.boundingRect(contour)
        cv2.rectangle(framed, (x - 3, y - 3), (x + width + 3, y + height + 3), (255, 0, 0), 2)
    Image.fromarray(framed).save(folder / f"{name}.png")


if __name__ == "__main__":
    main()
