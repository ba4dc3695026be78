"""Who comes when with what: every radiograph of both exports, decided before anything is drawn.

The schedule is cheap and follows from the parameters alone, so the truth table needs no picture to be drawn again.
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
FIRST_DAY = (dt.date(2023, 1, 2), dt.date(2023, 7, 3))  # of the half-year that each export covers
DAYS = 175
FIRST_EXPORT_SHARE = 0.65  # of all patients
STUDIES_AT_FIRST = (0.72, 0.20, 0.08)  # one, two or three studies within one export
CHANGED_DISEASE = 0.06  # later studies that show something else, e.g. the effusion that follows a pneumonia
AP_SHARE = 0.25  # bedside films, the same for every disease: the view must not give the class away
EMPTY_DEFECTS = ("missing_file",)  # planted in the table only
COPIED_DEFECTS = ("duplicate",)  # the bytes of another radiograph of the same patient
TAGGED_VIEWS = {"lateral": "LAT", "lateral_untagged": ""}  # what header and table say of these; "": nothing

# What a random stream is for; with the seed and a number it makes the stream independent of all others.
PERSON, VISITS, PLANTING, ANATOMY, RADIOGRAPH, RECORD, NOTE, DAMAGE = range(8)


@dataclass(frozen=True)
class Radiograph:
    """One row of an EMR table and the picture behind it."""

    export: str
    number: int  # over both exports
    patient: int
    person: Person
    study_id: str
    exam_date: dt.date
    disease: str
    view: str  # PA, AP or LAT; "" where nobody wrote it down
    defect: str  # "" or a kind of SyntheticHospitalParameters.defects
    burned_in: bool
    returning: bool  # in the second export, of a patient of the first
    extension: str  # dcm, png or jpg
    copy_of: int | None  # number of the radiograph whose bytes this one repeats
    picture_of: "Radiograph | None" = None  # another patient's, whose film is filed under this one too

    @property
    def ascii_name(self) -> str:
        """The patient's name as the modality's keyboard spells it."""
        return without_accents(self.person.name)

    @property
    def image_path(self) -> str:
        """Path below the export; it gives the patient's name and number away, as a hospital's does."""
        name = self.ascii_name.replace(" ", "").upper()
        folder = f"images/{self.exam_date:%Y%m}"
        return f"{folder}/{self.person.patient_id}_{name}_{self.study_id}.{self.extension}"


def stream(parameters: SyntheticHospitalParameters, purpose: int, number: int = 0) -> Generator:
    """Return the random stream of one purpose and number: what workers draw does not depend on who draws it when."""
    return default_rng([parameters.seed, purpose, number])


def patients_per_class(parameters: SyntheticHospitalParameters) -> dict[str, int]:
    """Share the patients out by `class_counts`, no class below `minimum_patients_per_class` (largest remainders)."""
    weights = np.array([parameters.class_counts[name] for name in DISEASES], dtype=float)
    free = parameters.patients - parameters.minimum_patients_per_class * len(DISEASES)
    # The floor counts towards the share of a large class: only what its share lacks is added to it.
    wanted = np.maximum(weights / weights.sum() * parameters.patients - parameters.minimum_patients_per_class, 0)
    exact = wanted / wanted.sum() * free if wanted.sum() else np.full(len(DISEASES), free / len(DISEASES))
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: free - counts.sum()]] += 1
    return dict(zip(DISEASES, (counts + parameters.minimum_patients_per_class).tolist(), strict=True))


def draw_schedule(parameters: SyntheticHospitalParameters) -> list[Radiograph]:
    """Return every radiograph in the order of the tables: first export, then second, each by day.

    Defective radiographs come on top of the healthy schedule, so that no class falls below its floor.
    """
    visits = [radiograph for patient in _patients(parameters) for radiograph in patient]
    visits += _planted(parameters, visits)
    ordered = sorted(visits, key=lambda visit: (visit.export, visit.exam_date, visit.number))
    return [_with_identifiers(parameters, visit) for visit in ordered]


def _patients(parameters: SyntheticHospitalParameters) -> Iterator[list[Radiograph]]:
    """Yield the radiographs of each patient in turn; the classes are dealt out in a random order."""
    counts = patients_per_class(parameters)
    diseases = np.repeat(DISEASES, [counts[name] for name in DISEASES])
    diseases = stream(parameters, VISITS).permutation(diseases)
    number = 0
    for patient, disease in enumerate(diseases):
        radiographs = _one_patient(parameters, patient, str(disease), number)
        number += len(radiographs)
        yield radiographs


def _one_patient(parameters: SyntheticHospitalParameters, patient: int, disease: str, number: int) -> list[Radiograph]:
    person = draw_person(stream(parameters, PERSON, patient), patient)
    generator = stream(parameters, VISITS, patient + 1)
    first = int(generator.random() >= FIRST_EXPORT_SHARE)
    exports = [first] * int(generator.choice([1, 2, 3], p=STUDIES_AT_FIRST))
    if first == 0 and generator.random() < parameters.returning_fraction:
        exports.append(1)
    days = sorted((FIRST_DAY[export] + dt.timedelta(days=int(generator.integers(DAYS))), export) for export in exports)
    radiographs = []
    for index, (day, export) in enumerate(days):
        changed = index > 0 and generator.random() < CHANGED_DISEASE
        radiographs.append(
            Radiograph(
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
    return radiographs


def _planted(parameters: SyntheticHospitalParameters, visits: list[Radiograph]) -> list[Radiograph]:
    """Return the defective radiographs, each a further study of a patient drawn at random."""
    generator = stream(parameters, PLANTING)
    kinds = [kind for kind in sorted(parameters.defects) for _ in range(parameters.defects[kind])]
    planted = []
    for index, kind in enumerate(kinds):
        model = visits[int(generator.integers(len(visits)))]
        planted.append(
            replace(
                model,
                number=len(visits) + index,
                defect=kind,
                view=TAGGED_VIEWS.get(kind, model.view),
                copy_of=model.number if kind in COPIED_DEFECTS else None,
                picture_of=_film_of_another(model, visits, generator) if kind == "near_duplicate" else None,
            )
        )
    return planted


def _film_of_another(visit: Radiograph, visits: list[Radiograph], generator: Generator) -> Radiograph:
    others = [other for other in visits if other.patient != visit.patient]
    return others[int(generator.integers(len(others)))]


def _with_identifiers(parameters: SyntheticHospitalParameters, visit: Radiograph) -> Radiograph:
    """Give a radiograph what its number decides: the study's number, the file format, a burned-in name."""
    source = visit.number if visit.copy_of is None else visit.copy_of
    generator = stream(parameters, RECORD, source)  # a copy has the format and the text of its original
    extension = str(generator.choice(["dcm", "png", "jpg"], p=[0.92, 0.05, 0.03]))
    shown = None if visit.picture_of is None else _with_identifiers(parameters, visit.picture_of)
    extension = extension if shown is None else shown.extension
    burned_in = bool(generator.random() < parameters.burned_in_fraction)
    return replace(
        visit,
        study_id=f"CR{visit.exam_date:%y%m}{visit.number:06d}",
        extension=extension,
        burned_in=burned_in if shown is None else shown.burned_in,  # the text is in the film
        picture_of=shown,
    )
