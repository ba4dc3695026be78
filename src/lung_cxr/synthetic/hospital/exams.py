"""Schedule every exam of both exports before any image is drawn.

The schedule is cheap and depends on the parameters alone, so the truth table needs no drawing.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator, default_rng

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import SyntheticHospitalParameters
from lung_cxr.synthetic.hospital.people import Person, draw_person, without_accents

EXPORTS = ("2023-06", "2023-12")
FIRST_DAY = (dt.date(2023, 1, 2), dt.date(2023, 7, 3))  # first day of the half-year that each export covers
DAYS = 175
FIRST_EXPORT_SHARE = 0.65  # of all patients
STUDIES_AT_FIRST = (0.72, 0.20, 0.08)  # one, two or three studies within one export
CHANGED_DISEASE = 0.06  # later studies with another disease, for example an effusion after a pneumonia
AP_SHARE = 0.25  # bedside images, the same share for every disease: the view must not reveal the class
EMPTY_DEFECTS = ("missing_file",)  # the row exists, its image does not
COPIED_DEFECTS = ("duplicate",)  # the bytes of another exam of the same patient
TAGGED_VIEWS = {"lateral": "LAT", "lateral_untagged": ""}  # view in header and table; "": not stated

# Purposes of the random streams. Seed, purpose and number together give an independent stream.
PERSON, EXAMS, PLANTING, ANATOMY, RADIOGRAPH, RECORD, NOTE, DAMAGE = range(8)


@dataclass(frozen=True)
class Exam:
    """One exam: a row of an EMR table and its image."""

    export: str
    number: int  # over both exports
    patient: int
    person: Person
    study_id: str
    exam_date: dt.date
    disease: str
    view: str  # PA, AP or LAT; "" if not recorded
    defect: str  # "" or a kind of SyntheticHospitalParameters.defects
    burned_in: bool
    returning: bool  # in the second export, of a patient of the first
    extension: str  # dcm, png or jpg
    copy_of: int | None  # number of the exam whose bytes this one repeats
    picture_of: "Exam | None" = None  # for a near duplicate: the exam of another patient with the original image

    @property
    def ascii_name(self) -> str:
        """Name of the patient in ASCII letters, as a modality stores it."""
        return without_accents(self.person.name)

    @property
    def image_path(self) -> str:
        """Path relative to the export. It contains the patient's name and number, as real paths do."""
        name = self.ascii_name.replace(" ", "").upper()
        folder = f"images/{self.exam_date:%Y%m}"
        return f"{folder}/{self.person.patient_id}_{name}_{self.study_id}.{self.extension}"


def stream(parameters: SyntheticHospitalParameters, purpose: int, number: int = 0) -> Generator:
    """Return the random stream of one purpose and number; results do not depend on the order of the workers."""
    return default_rng([parameters.seed, purpose, number])


def patients_per_class(parameters: SyntheticHospitalParameters) -> dict[str, int]:
    """Divide the patients by `class_counts`, at least `minimum_patients_per_class` each (largest remainders)."""
    weights = np.array([parameters.class_counts[name] for name in DISEASES], dtype=float)
    free = parameters.patients - parameters.minimum_patients_per_class * len(DISEASES)
    # The minimum is part of a class's share: large classes get only the rest of their share on top.
    wanted = np.maximum(weights / weights.sum() * parameters.patients - parameters.minimum_patients_per_class, 0)
    exact = wanted / wanted.sum() * free if wanted.sum() else np.full(len(DISEASES), free / len(DISEASES))
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: free - counts.sum()]] += 1
    return dict(zip(DISEASES, (counts + parameters.minimum_patients_per_class).tolist(), strict=True))


def draw_schedule(parameters: SyntheticHospitalParameters) -> list[Exam]:
    """Return every exam in the order of the tables: first export, then second, each by day.

    Defective exams are added to the regular schedule, so that each class keeps its minimum.
    """
    exams = [exam for patient in _patients(parameters) for exam in patient]
    exams += _planted(parameters, exams)
    ordered = sorted(exams, key=lambda exam: (exam.export, exam.exam_date, exam.number))
    return [_with_identifiers(parameters, exam) for exam in ordered]


def _patients(parameters: SyntheticHospitalParameters) -> Iterator[list[Exam]]:
    """Yield the exams of each patient; classes are assigned in random order."""
    counts = patients_per_class(parameters)
    diseases = np.repeat(DISEASES, [counts[name] for name in DISEASES])
    diseases = stream(parameters, EXAMS).permutation(diseases)
    number = 0
    for patient, disease in enumerate(diseases):
        exams = _one_patient(parameters, patient, str(disease), number)
        number += len(exams)
        yield exams


def _one_patient(parameters: SyntheticHospitalParameters, patient: int, disease: str, number: int) -> list[Exam]:
    person = draw_person(stream(parameters, PERSON, patient), patient)
    generator = stream(parameters, EXAMS, patient + 1)
    first = int(generator.random() >= FIRST_EXPORT_SHARE)
    exports = [first] * int(generator.choice([1, 2, 3], p=STUDIES_AT_FIRST))
    if first == 0 and generator.random() < parameters.returning_fraction:
        exports.append(1)
    days = sorted((FIRST_DAY[export] + dt.timedelta(days=int(generator.integers(DAYS))), export) for export in exports)
    exams = []
    for index, (day, export) in enumerate(days):
        changed = index > 0 and generator.random() < CHANGED_DISEASE
        exams.append(
            Exam(
                export=EXPORTS[export],
                number=number + index,
                patient=patient,
                person=person,
                study_id="",
                exam_date=day,
                disease=str(generator.choice(DISEASES)) if changed else disease,
                view="AP" if generator.random() < AP_SHARE else "PA",
                defect="",
                burned_in=False,
                returning=export == 1 and first == 0,
                extension="dcm",
                copy_of=None,
            )
        )
    return exams


def _planted(parameters: SyntheticHospitalParameters, exams: list[Exam]) -> list[Exam]:
    """Return the defective exams, each an additional study of a random patient."""
    generator = stream(parameters, PLANTING)
    kinds = [kind for kind in sorted(parameters.defects) for _ in range(parameters.defects[kind])]
    planted = []
    for index, kind in enumerate(kinds):
        model = exams[int(generator.integers(len(exams)))]
        planted.append(
            replace(
                model,
                number=len(exams) + index,
                defect=kind,
                view=TAGGED_VIEWS.get(kind, model.view),
                copy_of=model.number if kind in COPIED_DEFECTS else None,
                picture_of=_exam_of_another(model, exams, generator) if kind == "near_duplicate" else None,
            )
        )
    return planted


def _exam_of_another(exam: Exam, exams: list[Exam], generator: Generator) -> Exam:
    others = [other for other in exams if other.patient != exam.patient]
    return others[int(generator.integers(len(others)))]


def _with_identifiers(parameters: SyntheticHospitalParameters, exam: Exam) -> Exam:
    """Set the fields that depend on the number of the exam: study number, file format, burned-in name."""
    source = exam.number if exam.copy_of is None else exam.copy_of
    generator = stream(parameters, RECORD, source)  # a copy has the format and the text of its original
    extension = str(generator.choice(["dcm", "png", "jpg"], p=[0.92, 0.05, 0.03]))
    shown = None if exam.picture_of is None else _with_identifiers(parameters, exam.picture_of)
    extension = extension if shown is None else shown.extension
    burned_in = bool(generator.random() < parameters.burned_in_fraction)
    return replace(
        exam,
        study_id=f"CR{exam.exam_date:%y%m}{exam.number:06d}",
        extension=extension,
        burned_in=burned_in if shown is None else shown.burned_in,  # the text is in the image
        picture_of=shown,
    )
