"""Write the exports of a hospital that does not exist, and the truth about what was planted in them."""

import hashlib
import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed
from rich.progress import track

from lung_cxr.parameters import SyntheticHospitalParameters
from lung_cxr.synthetic.hospital.defects import ON_BYTES, ON_PIXELS
from lung_cxr.synthetic.hospital.emr_tables import TABLE_FILES, emr_row, write_table
from lung_cxr.synthetic.hospital.exams import (
    ANATOMY,
    DAMAGE,
    EXPORTS,
    RADIOGRAPH,
    RECORD,
    Radiograph,
    draw_schedule,
    stream,
)
from lung_cxr.synthetic.hospital.image_files import Machine, burn_in, choose_machine, write_image
from lung_cxr.synthetic.phantom.anatomy import draw_chest
from lung_cxr.synthetic.phantom.body_parts import draw_other_part
from lung_cxr.synthetic.phantom.exposure import Film, draw_radiograph
from lung_cxr.synthetic.phantom.lateral import draw_blank, draw_lateral

MARKER = "SYNTHETIC"
"""Name of the file that tells a synthetic export from a real one; ingestion accepts the public key only beside it."""

EDITION = 3  # raise with every change of what is written: exports of another edition are written anew

log = logging.getLogger(__name__)


def write_hospital(folder: Path, parameters: SyntheticHospitalParameters) -> pd.DataFrame:
    """Write both exports below a folder, unless they are there already, and return the truth about them.

    The same parameters give the same bytes, whatever the number of workers.

    Args:
        folder: Where the exports go (`01_raw/exports`); each is a folder with an EMR table, images and `SYNTHETIC`.
        parameters: How large the hospital is and how much is wrong with its exports.

    Returns:
        One row per EMR row: `export`, `row` (1 is the first below the header), `image_path`, `patient_id`, `study_id`,
        `label` (the class drawn), `view`, `defect` ("" or its kind), `picture_of` (study_id of the other patient whose
        film is filed here too, or ""), `burned_in`, `returning` (a patient of the first export seen again in the
        second), `encoding`, `photometric`, `bits`. It holds identifiers.

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
        _start_afresh(folder / export)
    _write_images(folder, schedule, parameters)
    for export in EXPORTS:
        table = pd.DataFrame([emr_row(parameters, visit) for visit in schedule if visit.export == export])
        write_table(table, folder / export / TABLE_FILES[export])
        (folder / export / MARKER).write_text(_marker_text(fingerprint), encoding="utf-8")
    log.info("Wrote the synthetic hospital: %d rows in %d exports", len(truth), len(EXPORTS))
    return truth


def refuse_real_exports(folder: Path) -> None:
    """Raise FileExistsError where a folder below `folder` lacks the synthetic marker: it may be a hospital's own."""
    exports = [path for path in folder.glob("[!.]*") if path.is_dir()]
    real = [path for path in exports if not (path / MARKER).is_file()]
    if real:
        raise FileExistsError(
            f"{folder} holds {len(real)} export(s) without the marker file {MARKER}, '{sorted(real)[0].name}' first. "
            "Synthetic exports are never written beside real ones: choose another root (as `--env demo` does), or "
            "move the real exports away."
        )


def truth_table(schedule: list[Radiograph], parameters: SyntheticHospitalParameters) -> pd.DataFrame:
    """Return what was planted, one row per EMR row (columns as in `write_hospital`)."""
    rows, counts = [], dict.fromkeys(EXPORTS, 0)
    for visit in schedule:
        counts[visit.export] += 1
        machine = _machine(parameters, visit)
        rows.append(
            {
                "export": visit.export,
                "row": counts[visit.export],
                "image_path": visit.image_path,
                "patient_id": visit.person.patient_id,
                "study_id": visit.study_id,
                "label": visit.disease,
                "view": visit.view,
                "defect": visit.defect,
                "picture_of": visit.picture_of.study_id if visit.picture_of else "",
                "burned_in": visit.burned_in,
                "returning": visit.returning,
                "encoding": machine.encoding,
                "photometric": machine.photometric,
                "bits": machine.bits,
            }
        )
    return pd.DataFrame(rows)


def image_bytes(visit: Radiograph, parameters: SyntheticHospitalParameters) -> bytes:
    """Draw one radiograph and return its file's bytes, damaged where it is scheduled to be."""
    film = _film(visit.picture_of or visit, parameters)
    damage = stream(parameters, DAMAGE, visit.number)
    pixels = ON_PIXELS[visit.defect](film.pixels, damage) if visit.defect in ON_PIXELS else film.pixels
    content = write_image(pixels, film.pitch, visit, _machine(parameters, visit), parameters.seed)
    return ON_BYTES[visit.defect](content, damage) if visit.defect in ON_BYTES else content


def _film(visit: Radiograph, parameters: SyntheticHospitalParameters) -> Film:
    """What was exposed, with the text that the console burned in."""
    generator = stream(parameters, RADIOGRAPH, visit.number)
    chest = draw_chest(stream(parameters, ANATOMY, visit.patient), visit.person.sex)
    if visit.defect in ("lateral", "lateral_untagged"):
        film = draw_lateral(generator, chest, parameters.side)
    elif visit.defect == "blank":
        film = draw_blank(generator, parameters.side)
    elif visit.defect == "not_a_chest":
        film = draw_other_part(generator, parameters.side)
    else:
        film = draw_radiograph(generator, chest, visit.disease, visit.view, parameters.side)
    return replace(film, pixels=burn_in(film.pixels, visit, generator)) if visit.burned_in else film


def _machine(parameters: SyntheticHospitalParameters, visit: Radiograph) -> Machine:
    shown = visit.picture_of or visit  # a film filed once more keeps its grey curve
    number = shown.number if shown.copy_of is None else shown.copy_of
    return choose_machine(stream(parameters, RECORD, number).spawn(1)[0], shown.extension)


def _write_images(folder: Path, schedule: list[Radiograph], parameters: SyntheticHospitalParameters) -> None:
    """Draw in parallel what is drawn, then copy the duplicates."""
    drawn = [visit for visit in schedule if visit.copy_of is None and visit.defect != "missing_file"]
    tasks = (delayed(_write_image)(folder, visit, parameters) for visit in drawn)
    results = Parallel(n_jobs=parameters.workers, return_as="generator_unordered")(tasks)
    for _ in track(results, description="Drawing radiographs", total=len(drawn)):
        pass
    by_number = {visit.number: visit for visit in schedule}
    for visit in schedule:
        if visit.copy_of is not None:
            original = by_number[visit.copy_of]
            target = folder / visit.export / visit.image_path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / original.export / original.image_path, target)


def _write_image(folder: Path, visit: Radiograph, parameters: SyntheticHospitalParameters) -> None:
    path = folder / visit.export / visit.image_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image_bytes(visit, parameters))


def _start_afresh(export: Path) -> None:
    """Empty one synthetic export; its marker goes up first, so that a broken run is not taken for a real export."""
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
    """Hash of everything that decides what is written; the number of workers does not."""
    decisive = {"edition": EDITION, **parameters.model_dump(exclude={"workers"})}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:32]


def _is_written(folder: Path, truth: pd.DataFrame, fingerprint: str) -> bool:
    """Whether both exports were finished with these parameters and no file has gone since."""
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
