"""Predict files with a bundle: `python -m lung_cxr.bundle <bundle> <files or folders>`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from lung_cxr.bundle.contents import BundleError, read_bundle
from lung_cxr.bundle.engines import ENGINES, load_network
from lung_cxr.bundle.predict import find_files, predict_files
from lung_cxr.prediction.decide import NoRuleError


def main(arguments: Sequence[str] | None = None) -> int:
    """Predict the files of the command line; return the exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        bundle = read_bundle(chosen.bundle)
        if chosen.no_text_search:
            unsearched = {"burned_in_text": "off", "accept_unchecked_pixels": True}
            bundle = replace(bundle, reading=bundle.reading.model_copy(update=unsearched))
        files = find_files(chosen.places)
        table = predict_files(bundle, load_network(bundle.network, chosen.engine), files, chosen.prevalence)
    except (BundleError, NoRuleError, FileNotFoundError, ImportError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _write(table, chosen.output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lung_cxr.bundle", description=__doc__)
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("places", type=Path, nargs="+", help="DICOM, PNG or JPEG files, or folders of them")
    parser.add_argument("--output", type=Path, help="file .csv or .json; without it, CSV to standard output")
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="default: %(default)s")
    parser.add_argument(
        "--prevalence",
        choices=("training", "estimated"),
        default="training",
        help="class shares that the calibrated probabilities hold for; default: %(default)s",
    )
    parser.add_argument(
        "--no-text-search", action="store_true", help="faster; text in the pixels stays visible to the network"
    )
    return parser


def _write(table: pd.DataFrame, output: Path | None) -> None:
    if output is None:
        table.to_csv(sys.stdout, index=False)
    elif output.suffix == ".json":
        table.to_json(output, orient="records", indent=1, force_ascii=False)
    else:
        table.to_csv(output, index=False, encoding="utf-8-sig")  # Excel reads UTF-8 only with a byte order mark


if __name__ == "__main__":
    sys.exit(main())
