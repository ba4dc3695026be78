"""Pack a real catalogue for `benchmarks/gpu.sh`: `python benchmarks/gpu_data.py <data folder> .gpu [--size 224]`.

Writes `pixels_<size>.png` (all images of the split below each other, lossless), `split.csv` without keys, and the
ImageNet weights of MobileNet; together under 60 MB for 1,200 images of 224 px. Git ignores the folder, because it holds
images of patients.
"""

import argparse
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

WEIGHTS = "mobilenet_imagenet_notop.weights.h5"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="data folder of a catalogue, after ingestion and splitting")
    parser.add_argument("output", type=Path)
    parser.add_argument("--size", type=int, default=224, help="pixels")
    parser.add_argument("--weights", type=Path, default=Path(os.environ.get("LUNG_CXR_WEIGHTS", ".")) / WEIGHTS)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    split = pd.read_parquet(arguments.data / "05_model_input/split.parquet")
    anonymous = split.assign(image_id=range(len(split)), patient_key=pd.factorize(split["patient_key"])[0])
    anonymous[["image_id", "patient_key", "label", "subset"]].to_csv(arguments.output / "split.csv", index=False)
    pixels = np.load(arguments.data / f"05_model_input/pixels_{arguments.size}.npy", mmap_mode="r")
    image = Image.fromarray(np.asarray(pixels).reshape(-1, arguments.size))
    image.save(arguments.output / f"pixels_{arguments.size}.png", compress_level=9)
    shutil.copy(arguments.weights, arguments.output / WEIGHTS)
    print(
        *(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB" for path in sorted(arguments.output.glob("*.*"))), sep="\n"
    )


if __name__ == "__main__":
    main()
