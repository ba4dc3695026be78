"""Tables of the data: Table 1, counts of ingestion, patients and images by subset, and class weights."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from lung_cxr.contracts import SUBSETS
from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.subgroups import SMALLEST_GROUP
from lung_cxr.imaging.reasons import FAULTS, FLAGS, OUT_OF_SCOPE
from lung_cxr.report.numbers import NOTHING, decimal, percent, plural, points
from lung_cxr.report.tables.table import Cell, Column, Table, frame_cell, name_cell, table_of, text_cell
from lung_cxr.splitting.split import split_sha256

COUNTED = ("total", *SUBSETS)
DEVIATION = "Deviation from the target share, points"


def distribution_table(table1: pd.DataFrame) -> Table:
    """Return Table 1: images of each class in each subset, ours and the paper's.

    Args:
        table1: Table 1 from the pipeline `splitting`: `disease, total`, subsets, `deviation_<subset>`,
            `paper_<column>`.
    """
    columns = [
        Column("Disease", lambda row: name_cell(row["disease"])),
        *(Column(name.capitalize(), partial(_count, name=name), "Ours") for name in COUNTED),
        *(Column(name.capitalize(), partial(_deviation, subset=name), DEVIATION) for name in SUBSETS),
        *(Column(name.capitalize(), partial(_count, name=f"paper_{name}"), "Paper") for name in COUNTED),
    ]
    return table_of(table1, columns, "Subsets are assigned by patient, not by image.", rows_below_rule=1)


def exports_of_split(split: pd.DataFrame, image_manifest: pd.DataFrame) -> dict[str, str]:
    """Return the hash of the split → number of its images by export.

    Args:
        split: `contracts.split`.
        image_manifest: `contracts.image_manifest`.
    """
    export = image_manifest.set_index("image_id").loc[split["image_id"], "export"]
    counts = export.value_counts().sort_index()
    return {split_sha256(split): "; ".join(f"{number}: {plural(count, 'image')}" for number, count in counts.items())}


def people_table(split: pd.DataFrame, image_manifest: pd.DataFrame) -> Table:
    """Return patients by sex and age and images by view for each subset; counts below five are suppressed."""
    known = image_manifest[["image_id", "sex", "age_years", "view"]]
    images = split.merge(known, on="image_id", how="left", validate="one_to_one")
    rows = []
    for subset in SUBSETS:
        part = images[images["subset"] == subset]
        people = part.drop_duplicates("patient_key")
        sexes = [_suppressed(int((people["sex"] == sex).sum())) for sex in ("F", "M", "unknown")]
        views = [_suppressed(int((part["view"] == view).sum())) for view in ("PA", "AP", "unknown")]
        counts = [Cell(f"{len(part):,}"), Cell(f"{len(people):,}")]
        rows.append([name_cell(subset.capitalize()), *counts, *sexes, _ages(people["age_years"]), *views])
    return Table(
        caption="Patient characteristics by subset, each patient at the first image. Counts below "
        f"{SMALLEST_GROUP} are suppressed; ages above 89 count as 90.",
        head=["Subset", "Images", "Patients", "Women", "Men", "Unknown", "Age", "PA", "AP", "Unknown"],
        groups=[("", 3), ("Sex of patients", 3), ("Median (quartiles)", 1), ("View of images", 3)],
        rows=rows,
    )


def redaction_table(redaction: Mapping[str, Any] | None) -> Table | None:
    """Return the images of each class in which text was blacked out; None without such an image."""
    if redaction is None or not sum(one["redacted"] for one in redaction["classes"].values()):
        return None
    rows = [
        [
            name_cell(name),
            Cell(f"{one['images']:,}"),
            Cell(f"{one['redacted']:,}"),
            Cell(percent(one["redacted"] / one["images"] if one["images"] else None)),
        ]
        for name, one in redaction["classes"].items()
    ]
    return Table(
        caption="Images of the split in which burned-in text was blacked out. p: permutation test over patients "
        "whether images with and without a box have the same classes.",
        head=["Class", "Images", "With a box", "Share"],
        rows=rows,
    )


def ingestion_table(summary: Mapping[str, Any]) -> Table:
    """Return rows of the exports, accepted images, and rejections and flags by reason.

    Args:
        summary: Counts of ingestion: `exports, rows, accepted_images, accepted_patients, faults, fault_fraction,
            out_of_scope, flags`.
    """
    rows = [
        [
            name_cell("Rows of the exports"),
            Cell(f"{summary['rows']:,}"),
            text_cell(plural(summary["exports"], "export")),
        ],
        [
            name_cell("Accepted images"),
            Cell(f"{summary['accepted_images']:,}"),
            text_cell(f"of {plural(summary['accepted_patients'], 'patient')}"),
        ],
    ]
    for key, title, meanings in (
        ("faults", "Fault", FAULTS),
        ("out_of_scope", "Out of scope", OUT_OF_SCOPE),
        ("flags", "Accepted with a flag", FLAGS),
    ):
        for code, count in sorted(summary[key].items(), key=lambda item: -item[1]):
            rows.append([name_cell(f"{title}: {code}"), Cell(f"{count:,}"), text_cell(meanings.get(code, ""))])
    fraction = summary["fault_fraction"]
    faulty = "" if pd.isna(fraction) else f"Faults are {percent(fraction)} of all rows. "
    return Table(
        caption=f"From exports to catalogue. {faulty}Every rejected row and image is listed with its reason in "
        "02_intermediate.",
        head=["Item", "Count", "Meaning"],
        rows=rows,
    )


def weight_table(record: Mapping[str, Any]) -> Table:
    """Return the weight of each class in training: sampling × loss (section III.D), as one run recorded it."""
    columns = ("training_images", "sampling_shares", "loss_weights", "effective_class_weights")
    digits = (0, 3, 3, 3)
    rows = [
        [
            name_cell(name),
            *(Cell(decimal(record[column][name], count)) for column, count in zip(columns, digits, strict=True)),
        ]
        for name in DISEASES
    ]
    return Table(
        caption="Effective class weights in training. Balanced sampling and Eq. 14 correct the same imbalance; "
        "together they reverse it: the rarest class has the largest weight.",
        head=["Class", "Training images", "Sampling share", "Loss weight", "Effective weight"],
        rows=rows,
    )


def _count(row: Mapping[str, Any], name: str) -> Cell:
    return frame_cell(row, name, "{:,}".format)


def _deviation(row: Mapping[str, Any], subset: str) -> Cell:
    value = row[f"deviation_{subset}"]
    return Cell("no image of the class", kind="reason") if pd.isna(value) else Cell(points(value))


def _suppressed(count: int) -> Cell:
    return Cell(f"< {SMALLEST_GROUP}" if 0 < count < SMALLEST_GROUP else f"{count:,}")


def _ages(ages: pd.Series) -> Cell:
    """Return median and quartiles, where enough ages are known."""
    known = ages.dropna()
    if len(known) < SMALLEST_GROUP:
        return Cell(NOTHING)
    low, middle, high = known.quantile([0.25, 0.5, 0.75])
    return Cell(f"{middle:.0f} ({low:.0f}–{high:.0f})")
