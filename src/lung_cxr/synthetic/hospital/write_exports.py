"""Write the synthetic exports, and return a table of their true classes and planted defects."""

import hashlib
import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from lung_cxr.imaging.emr.exports import MARKER
from lung_cxr.parameters import SyntheticHospitalParameters
from lung_cxr.progress import follow
from lung_cxr.synthetic.hospital.defects import ON_BYTES, ON_PIXELS
from lung_cxr.synthetic.hospital.emr_tables import TABLE_FILES, emr_row, write_table
from lung_cxr.synthetic.hospital.exams import (
    ANATOMY,
    DAMAGE,
    EXPORTS,
    RADIOGRAPH,
    RECORD,
    Exam,
    draw_schedule,
    stream,
)
from lung_cxr.synthetic.hospital.image_files import FileFormat, burn_in, choose_format, write_image
from lung_cxr.synthetic.phantom.anatomy import draw_chest
from lung_cxr.synthetic.phantom.body_parts import draw_other_part
from lung_cxr.synthetic.phantom.frontal import DrawnImage, draw_radiograph
from lung_cxr.synthetic.phantom.lateral import draw_blank, draw_lateral

EDITION = 3  # increment when the written bytes change: exports of another edition are replaced

log = logging.getLogger(__name__)


def write_hospital(folder: Path, parameters: SyntheticHospitalParameters) -> pd.DataFrame:
    """Write both exports into a folder unless they exist already, and return the truth table.

    The same parameters give the same bytes for any number of workers.

    Args:
        folder: Folder of the exports (`01_raw/exports`). Each export is a folder: EMR table, images, file `SYNTHETIC`.
        parameters: Size of the hospital and number of planted defects.

    Returns:
        One row per EMR row: `export`, `row` (1: the first below the header), `image_path`, `patient_id`, `study_id`,
        `label` (the drawn class), `view`, `defect` ("" or its kind), `picture_of` (for a near duplicate, study_id
        of the other patient's image, else ""), `burned_in`, `returning` (exam of the second export, patient of the
        first), `encoding`, `photometric`, `bits`. The table holds identifiers.

    Raises:
        FileExistsError: The folder holds exports that are not synthetic.
    """
    refuse_real_exports(folder)
    schedule = draw_schedule(parameters)
    truth = truth_table(schedule, parameters)
    fingerprint = _fingerprint(parameters)
    if _is_written(folder, truth, fingerprint):
        log.info("The synthetic hospital is up to date: %d rows in %d exports", len(truth), len(EXPORTS))
        return truth
    for export in EXPORTS:
        _start_export(folder / export)
    _write_images(folder, schedule, parameters)
    for export in EXPORTS:
        table = pd.DataFrame([emr_row(parameters, exam) for exam in schedule if exam.export == export])
        write_table(table, folder / export / TABLE_FILES[export])
        (folder / export / MARKER).write_text(_marker_text(fingerprint), encoding="utf-8")
    log.info("Wrote the synthetic hospital: %d rows in %d exports", len(truth), len(EXPORTS))
    return truth


def refuse_real_exports(folder: Path) -> None:
    """Raise FileExistsError if a folder in `folder` has no synthetic marker: it may be a real export."""
    exports = [path for path in folder.glob("[!.]*") if path.is_dir()]
    real = [path for path in exports if not (path / MARKER).is_file()]
    if real:
        raise FileExistsError(
            f"{folder} holds {len(real)} export(s) without the marker file {MARKER}, '{sorted(real)[0].name}' first. "
            "Synthetic exports are never written beside real ones. Choose another root (as `--env demo` does), or "
            "move the real exports."
        )


def truth_table(schedule: list[Exam], parameters: SyntheticHospitalParameters) -> pd.DataFrame:
    """Return the truth table, one row per EMR row (columns: see `write_hospital`)."""
    rows, counts = [], dict.fromkeys(EXPORTS, 0)
    for exam in schedule:
        counts[exam.export] += 1
        file_format = _format(parameters, exam)
        rows.append(
            {
                "export": exam.export,
                "row": counts[exam.export],
                "image_path": exam.image_path,
                "patient_id": exam.person.patient_id,
                "study_id": exam.study_id,
                "label": exam.disease,
                "view": exam.view,
                "defect": exam.defect,
                "picture_of": exam.picture_of.study_id if exam.picture_of else "",
                "burned_in": exam.burned_in,
                "returning": exam.returning,
                "encoding": file_format.encoding,
                "photometric": file_format.photometric,
                "bits": file_format.bits,
            }
        )
    return pd.DataFrame(rows)


def image_bytes(exam: Exam, parameters: SyntheticHospitalParameters) -> bytes:
    """Draw one radiograph and return the bytes of its file, with its planted defect."""
    image = _drawn(exam.picture_of or exam, parameters)
    damage = stream(parameters, DAMAGE, exam.number)
    pixels = ON_PIXELS[exam.defect](image.pixels, damage) if exam.defect in ON_PIXELS else image.pixels
    content = write_image(pixels, image.pitch, exam, _format(parameters, exam), parameters.seed)
    return ON_BYTES[exam.defect](content, damage) if exam.defect in ON_BYTES else content


def _drawn(exam: Exam, parameters: SyntheticHospitalParameters) -> DrawnImage:
    """Draw the image, with burned-in text where it is scheduled."""
    generator = stream(parameters, RADIOGRAPH, exam.number)
    chest = draw_chest(stream(parameters, ANATOMY, exam.patient), exam.person.sex)
    if exam.defect in ("lateral", "lateral_untagged"):
        image = draw_lateral(generator, chest, parameters.side)
    elif exam.defect == "blank":
        image = draw_blank(generator, parameters.side)
    elif exam.defect == "not_a_chest":
        image = draw_other_part(generator, parameters.side)
    else:
        image = draw_radiograph(generator, chest, exam.disease, exam.view, parameters.side)
    return replace(image, pixels=burn_in(image.pixels, exam, generator)) if exam.burned_in else image


def _format(parameters: SyntheticHospitalParameters, exam: Exam) -> FileFormat:
    shown = exam.picture_of or exam  # a near duplicate keeps the grey curve of its original
    number = shown.number if shown.copy_of is None else shown.copy_of
    return choose_format(stream(parameters, RECORD, number).spawn(1)[0], shown.extension)


def _write_images(folder: Path, schedule: list[Exam], parameters: SyntheticHospitalParameters) -> None:
    """Draw the images in parallel, then copy the duplicates."""
    drawn = [exam for exam in schedule if exam.copy_of is None and exam.defect != "missing_file"]
    tasks = (delayed(_write_image)(folder, exam, parameters) for exam in drawn)
    results = Parallel(n_jobs=parameters.workers, return_as="generator_unordered")(tasks)
    for _ in follow(results, "Drawing radiographs", len(drawn)):
        pass
    by_number = {exam.number: exam for exam in schedule}
    for exam in schedule:
        if exam.copy_of is not None:
            original = by_number[exam.copy_of]
            target = folder / exam.export / exam.image_path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / original.export / original.image_path, target)


def _write_image(folder: Path, exam: Exam, parameters: SyntheticHospitalParameters) -> None:
    path = folder / exam.export / exam.image_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image_bytes(exam, parameters))


def _start_export(export: Path) -> None:
    """Empty one synthetic export and write its marker first: an interrupted run must not look like a real export."""
    if export.exists():
        shutil.rmtree(export)
    export.mkdir(parents=True)
    (export / MARKER).write_text(_marker_text("unfinished"), encoding="utf-8")


def _marker_text(fingerprint: str) -> str:
    return (
        json.dumps({"what": "A synthetic export: none of these patients exists.", "fingerprint": fingerprint}, indent=1)
        + "\n"
    )


def _fingerprint(parameters: SyntheticHospitalParameters) -> str:
    """Return the hash of all parameters that change the written bytes: all but the number of workers."""
    decisive = {"edition": EDITION, **parameters.model_dump(exclude={"workers"})}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:32]


def _is_written(folder: Path, truth: pd.DataFrame, fingerprint: str) -> bool:
    """Return whether both exports were completed with these parameters and no file is missing."""
    for export, rows in truth.groupby("export"):
        marker, table = folder / str(export) / MARKER, folder / str(export) / TABLE_FILES[str(export)]
        if not (
            table.is_file() and marker.is_file() and marker.read_text(encoding="utf-8") == _marker_text(fingerprint)
        ):
            return False
        paths = rows.loc[rows["defect"] != "missing_file", "image_path"]
        if not all((folder / str(export) / path).is_file() for path in paths):
            return False
    return True
