"""A random study for the benchmarks of training: 1024² images in the classes of Table 1, in class folders.

    <folder>/<train | validation>/<class>/<number>.png

One synthetic chest is drawn per class. Each file is a shifted copy with its own detector noise, written as the image
store writes its files, so that decoding takes as long as for radiographs. The images contain nothing to learn.
"""

from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.catalogue.image_store import FAST
from lung_cxr.splitting.distribution import published_distribution
from lung_cxr.splitting.pixels import grow_pixel_arrays, open_pixels
from lung_cxr.synthetic.phantom.anatomy import draw_chest
from lung_cxr.synthetic.phantom.frontal import draw_radiograph
from lung_cxr.training.data.feed import SplitImages

SIDE = 1024
DETECTOR_NOISE = 2.0  # grey levels, SD


def make_images(folder: Path, images: dict[str, int]) -> None:
    """Write the images.

    Args:
        folder: Folder of the study; created if it does not exist.
        images: Subset → number of images, at least one of each class.
    """
    with Parallel(n_jobs=-1) as parallel:
        images_of_classes = parallel(delayed(_draw_image)(number) for number in range(len(DISEASES)))
    for subset, total in images.items():
        for label, count in class_counts_of(total).items():
            target = folder / subset / label
            target.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                image = _shifted(images_of_classes[DISEASES.index(label)], number + 1)
                (target / f"{number:05d}.png").write_bytes(imagecodecs.png_encode(image, **FAST))


def split_of(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `contracts.split` and the manifest columns of the pixel arrays, for images in class folders."""
    paths = sorted(folder.glob("*/*/*.png"))
    ids = [f"{number:032x}" for number in range(len(paths))]
    labels, subsets = [path.parts[-2] for path in paths], [path.parts[-3] for path in paths]
    split = pd.DataFrame({"image_id": ids, "patient_key": ids, "label": labels, "subset": subsets})
    relative = [path.relative_to(folder).as_posix() for path in paths]
    return split, pd.DataFrame({"image_id": ids, "pixel_sha256": [2 * one for one in ids], "image_path": relative})


def read_once(folder: Path, pixel_folder: Path, size: int) -> SplitImages:
    """Decode and resize all images into the array that training reads."""
    split, manifest = split_of(folder)
    pixel_folder.mkdir(parents=True, exist_ok=True)
    grow_pixel_arrays(split, manifest, folder, pixel_folder, sizes=[size], workers=-1)
    return SplitImages(open_pixels(pixel_folder, size), split)


def class_counts_of(total: int) -> dict[str, int]:
    """Return the images of each class, in the shares of Table 1's training images."""
    shares = published_distribution()["train"].to_numpy(dtype=float)
    counts = np.maximum(1, np.round(total * shares / shares.sum())).astype(int)
    counts[0] += total - counts.sum()  # the largest class
    return dict(zip(DISEASES, counts.tolist(), strict=True))


def _draw_image(number: int) -> np.ndarray:
    """Return an image of a class, (1024, 1024) uint8."""
    generator = np.random.default_rng(number)
    image = draw_radiograph(generator, draw_chest(generator, "FM"[number % 2]), DISEASES[number], "PA", SIDE).pixels
    square = np.zeros((SIDE, SIDE), np.uint8)
    left = (SIDE - image.shape[1]) // 2
    square[: image.shape[0], left : left + image.shape[1]] = np.clip(image * 255, 0, 255)
    return square


def _shifted(image: np.ndarray, number: int) -> np.ndarray:
    noise = np.random.default_rng(number).normal(0, DETECTOR_NOISE, image.shape)
    return np.clip(np.roll(image, number, axis=1) + noise, 0, 255).astype(np.uint8)
