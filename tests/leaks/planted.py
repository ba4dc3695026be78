"""A project with a hospital's exports, everything in them that identifies somebody, and what a run leaves behind."""

import datetime as dt
import logging
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import yaml
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from leaks.needles import Needle, date_needle, name_needle, number_needle, phone_needle, text_needle
from lung_cxr.parameters import SyntheticHospitalParameters
from lung_cxr.synthetic.hospital.exams import EXPORTS, Exam, draw_schedule
from lung_cxr.synthetic.hospital.people import Person, without_accents
from lung_cxr.synthetic.hospital.write_exports import MARKER, write_hospital

OWNER = Person(  # of the pictures whose headers are wrong in ways that readers complain about
    patient_id="21004872",
    name="Đặng Quang Khánh",
    sex="M",
    birth_date=dt.date(1949, 8, 23),
    phone="0987204163",
    address="318 Phan Bội Châu, Gò Vấp, Biên Hòa",
    national_id="079149820463",
)
EXAM = dt.date(2024, 1, 19)
STUDIES = {"png": "XR9021004", "jpg": "XR9021005", "dcm": "XR9021006", "broken.dcm": "XR9021007"}
EXPORT_NAME = "BVKCT {}"  # the folders' names, which the outputs past 02_intermediate do not tell
UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
DEBUG_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(name)s %(levelname)s %(message)s"}},
    "handlers": {
        "rich": {
            "class": "kedro.logging.RichHandler",
            "level": "INFO",
            "rich_tracebacks": True,
            "tracebacks_show_locals": False,
        },
        "file": {"class": "logging.FileHandler", "filename": "debug.log", "encoding": "utf-8", "formatter": "plain"},
    },
    "loggers": {"matplotlib.font_manager": {"level": "INFO"}},  # all it knows is the machine's fonts
    "root": {"level": "DEBUG", "handlers": ["rich", "file"]},
}


class Project:
    """A copy of the project with exports in it; every command is as verbose as can be, and its output is kept.

    Args:
        source: The repository.
        folder: Where the copy goes.
        parameters: Of the synthetic hospital; None: there is only the export with the odd headers.
    """

    def __init__(self, source: Path, folder: Path, parameters: SyntheticHospitalParameters | None):
        self.folder = folder
        for name in ("pyproject.toml", ".telemetry"):
            shutil.copy(source / name, folder / name)
        shutil.copytree(source / "conf", folder / "conf", ignore=shutil.ignore_patterns("credentials*"))
        shutil.copytree(source / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        (folder / "conf/debug.yml").write_text(yaml.safe_dump(DEBUG_LOGGING))
        (folder / "temporary").mkdir()
        self.exports = folder / "data/test/01_raw/exports"
        self.schedule: list[Exam] = []
        if parameters is not None:
            self.schedule = draw_schedule(parameters)
            write_hospital(self.exports, parameters)
            for export in EXPORTS:
                (self.exports / export).rename(self.exports / EXPORT_NAME.format(export))
        self.odd = self.exports / EXPORT_NAME.format("2024-01")
        write_odd_headers(self.odd)

    def kedro(self, *arguments: str, succeeds: bool = True, debug: bool = True, **variables: str) -> str:
        """Run `kedro <arguments>` and keep what it prints among the outputs; `debug`: all loggers at DEBUG."""
        environment = {
            **os.environ,
            "COLUMNS": "200",
            "PYTHONPATH": str(self.folder / "src"),
            "KEDRO_LOGGING_CONFIG": str(self.folder / f"conf/{'debug' if debug else 'logging'}.yml"),
            "TMPDIR": str(self.folder / "temporary"),
            "PYTHONWARNINGS": "always",
            **variables,
        }
        command = [sys.executable, "-m", "kedro", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, timeout=900, check=False)
        number = len(list(self.folder.glob("printed_*")))
        (self.folder / f"printed_{number}.txt").write_bytes(done.stdout + done.stderr)
        printed = (done.stdout + done.stderr).decode("utf-8", "replace")
        assert (done.returncode == 0) == succeeds, printed[-6000:]
        return printed

    @property
    def before(self) -> set[str]:
        """What no command writes, and kedro-viz' own scripts."""
        return {"src", "conf", "pyproject.toml", ".telemetry", "data/test/01_raw", "build/assets"}

    def needles(self) -> list[Needle]:
        """Everything in the exports that identifies somebody."""
        found = [*needles_of_people(self.schedule), *needles_of_headers(self.exports)]
        found += [text_needle("export", path.name) for path in self.exports.iterdir() if path.is_dir()]
        return list(dict.fromkeys(found))


def write_odd_headers(export: Path) -> None:
    """An export of pictures whose headers hold the patient in places where no reader expects it."""
    export.mkdir(parents=True)
    (export / MARKER).touch()
    rows = []
    for number, (suffix, study) in enumerate(STUDIES.items()):
        path = f"{OWNER.patient_id}_{without_accents(OWNER.name).replace(' ', '').upper()}_{study}.{suffix}"
        (export / path).write_bytes(_odd_picture(suffix, number))
        rows.append(
            {
                "patient_id": OWNER.patient_id,
                "patient_name": OWNER.name,
                "sex": OWNER.name,  # a column that slipped
                "birth_date": f"{OWNER.birth_date:%d/%m/%Y}",
                "study_id": study,
                "exam_date": f"{EXAM:%Y-%m-%d}",
                "view": "PA",
                "image_path": path,
                "icd10_primary": "J18.9",
                "icd10_secondary": OWNER.phone,
                "diagnosis": "",
                "clinical_note": f"{OWNER.name}, {OWNER.address}; {OWNER.national_id}; {OWNER.phone}",
            }
        )
    pd.DataFrame(rows).to_parquet(export / "emr.parquet")


def _odd_picture(suffix: str, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12)).astype(np.uint8)).resize(
        (256, 256), Image.Resampling.BICUBIC
    )
    pixels = np.clip(np.asarray(coarse).astype(int) + rng.integers(-20, 20, (256, 256)), 0, 255).astype(np.uint8)
    everything = f"{OWNER.name}; {OWNER.patient_id}; {OWNER.birth_date:%Y%m%d}; {OWNER.phone}; {OWNER.address}"
    file = BytesIO()
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = everything.encode(), OWNER.name.encode()
    if suffix == "png":
        info = PngInfo()
        info.add_itxt("Patient", everything)
        info.add_text("Author", OWNER.patient_id)
        Image.fromarray(pixels).save(file, "PNG", pnginfo=info, exif=exif)
    elif suffix == "jpg":
        Image.fromarray(pixels).save(file, "JPEG", exif=exif, comment=everything.encode())
    else:
        _odd_dicom(pixels, everything, broken=suffix != "dcm").save_as(file, enforce_file_format=True)
    return file.getvalue()


def _odd_dicom(pixels: np.ndarray, everything: str, broken: bool) -> pydicom.Dataset:
    """Values that break their representation, so that a reader is tempted to quote them."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = pydicom.uid.ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=[everything, str(broken)])
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Dang^Quang Khanh", OWNER.patient_id, "CR"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation, dataset.BurnedInAnnotation = 7, 0, "NO"
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    _raw(dataset, "SpecificCharacterSet", "CS", OWNER.name)
    _raw(dataset, "PatientBirthDate", "DA", OWNER.name)
    _raw(dataset, "PatientAge", "AS", OWNER.phone)
    _raw(dataset, "WindowCenter" if broken else "PatientSize", "DS", OWNER.name)
    _raw(dataset, "RescaleSlope" if broken else "PatientWeight", "DS", OWNER.patient_id + "kg" + OWNER.name)
    _raw(dataset, "StudyInstanceUID", "UI", everything)
    _raw(dataset, "ViewPosition", "CS", OWNER.name)
    _raw(dataset, "PatientOrientation", "CS", OWNER.name)
    block = dataset.private_block(0x0011, OWNER.name, create=True)
    block.add_new(0x01, "LO", OWNER.address)
    return dataset


def _raw(dataset: pydicom.Dataset, keyword: str, representation: str, text: str) -> None:
    content = text.encode() + b" " * (len(text.encode()) % 2)
    tag = Tag(keyword)
    dataset[tag] = RawDataElement(tag, representation, len(content), content, 0, False, True)


def needles_of_people(schedule: Iterable[Exam]) -> list[Needle]:
    """The needles of everybody whom the synthetic hospital invented, and of the owner of the odd headers."""
    exams = list(schedule)
    found = [needle for person in [OWNER, *(exam.person for exam in exams)] for needle in _person(person)]
    for exam in exams:
        found.append(text_needle("study_id", exam.study_id))
        found.append(date_needle("exam_date", exam.exam_date))
        found.append(text_needle("image_path", exam.image_path, Path(exam.image_path).stem))
    found += [text_needle("study_id", study) for study in STUDIES.values()]
    found += [date_needle("exam_date", EXAM), text_needle("institution", "Bệnh viện Không Có Thật")]
    return [*found, name_needle("Lê^Bác Sĩ", "physician")]


def _person(person: Person) -> list[Needle]:
    street = person.address.partition(",")[0]
    return [
        name_needle(person.name),
        number_needle("patient_id", person.patient_id),
        phone_needle(person.phone),
        number_needle("national_id", person.national_id),
        date_needle("birth_date", person.birth_date),
        text_needle("address", person.address, street),
    ]


def needles_of_headers(exports: Path) -> list[Needle]:
    """The unique identifiers in the headers of all files that are readable."""
    found = []
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    for path in sorted(exports.rglob("*.dcm")):
        try:
            with warnings.catch_warnings(action="ignore"):
                header = pydicom.dcmread(path, stop_before_pixels=True)
                uids = [str(header[name].value) for name in UIDS if name in header]
        except Exception:  # planted as broken
            continue
        found += [number_needle("uid", uid, uid.rsplit(".", 1)[1]) for uid in uids if re.fullmatch(r"[\d.]{40,}", uid)]
    return found
