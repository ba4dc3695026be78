"""Node of `ensembles`: passes folders, tables and settings to `lung_cxr.training.ensemble`."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.parameters import EnsemblesParameters, TrainingParameters
from lung_cxr.pipelines.training.nodes import hashes_of_data, images_of_size


def combine_runs(
    split: pd.DataFrame,
    pixel_arrays: dict[str, dict[str, Any]],
    pixel_folder: Path,
    model_folder: Path,
    output_folder: Path,
    ensembles: EnsemblesParameters,
    training: TrainingParameters,
) -> Iterator[dict[str, Any]]:
    """Build the ensembles that are not up to date; yield the record of each."""
    from lung_cxr.training.ensemble import combine

    place = combine.Workplace(
        models=model_folder,
        outputs=output_folder,
        training=training,
        images_of=partial(images_of_size, split, pixel_folder),
        hashes_of=partial(hashes_of_data, split, pixel_arrays),
        synthetic=next((array.get("synthetic") for array in pixel_arrays.values()), None),
    )
    yield from combine.combine_runs(ensembles.root, place)
