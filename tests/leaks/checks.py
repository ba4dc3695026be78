"""What the leak test does with a project after a run: search it, and show on copies of its outputs that it can find."""

from collections.abc import Iterable
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from leaks.containers import Opener, ReadText
from leaks.controls import CONTROLS, IN_PIXELS
from leaks.needles import Needle
from leaks.planted import Project
from leaks.search import Find, Search
from lung_cxr.synthetic.hospital.people import without_accents

MAY_NAME_EXPORTS = "data/test/02_intermediate/known_exports.parquet"
LEGIBLE = ("name", "patient_id", "birth_date", "phone", "national_id", "study_id")  # short enough for a corner


class Controls(NamedTuple):
    """Leaks that were planted in copies of outputs.

    Attributes:
        planted: How many.
        missed: Of these, what was not found: (kind of output, kind of identifier).
    """

    planted: int
    missed: list[tuple[str, str]]


def leaks_of(place: Project, search: Search) -> list[Find]:
    """Everything that is found in what the project's commands wrote."""
    finds = search.in_folder(place.folder, leave_out=place.before)
    return [find for find in finds if not (find.kind == "export" and find.where.startswith(MAY_NAME_EXPORTS))]


def run_controls(place: Project, needles: Iterable[Needle], read_text: ReadText, each: int) -> Controls:
    """Plant `each` identifiers in a copy of each kind of output, all kinds of identifiers in turn, and search it."""
    of_kind = {needle.kind: needle for needle in needles if needle.kind != "export"}
    missed, planted = [], 0
    for controls, kinds, opener in (
        (CONTROLS, cycle(sorted(of_kind)), Opener(None)),
        (IN_PIXELS, cycle(LEGIBLE), Opener(read_text)),
    ):
        search = Search(of_kind.values(), opener)
        for control, (file, plant) in controls.items():
            real = _output(place.folder, Path(file).suffix)
            for kind in islice(kinds, each):
                text = _written(of_kind[kind], planted, as_a_machine=controls is IN_PIXELS)
                planted += 1
                if kind not in {find.kind for find in search.in_file(file, plant(text, real))}:
                    missed.append((control, kind))
    return Controls(planted, missed)


def _output(folder: Path, suffix: str) -> Path | None:
    """One of the run's own files of this kind, if it made any."""
    pattern = "printed_*.txt" if suffix == ".log" else f"data/test/0[2-8]*/**/*{suffix}"
    return next((path for path in sorted(folder.glob(pattern)) if path.is_file()), None)


def _written(needle: Needle, number: int, as_a_machine: bool) -> str:
    """An identifier as people, or the machine that burns it in, write it, each time in another way."""
    ways = [without_accents(needle.text).upper()]
    if not as_a_machine:
        family, _, rest = needle.text.partition(" ")
        ways = {
            "name": [needle.text, needle.text.upper(), f"{family}^{rest}", without_accents(needle.text)],
            "phone": [needle.text, f"{needle.text[:4]} {needle.text[4:7]} {needle.text[7:]}", f"+84{needle.text[1:]}"],
            "birth_date": [needle.text, "/".join(reversed(needle.text.split("-"))), needle.text.replace("-", "")],
        }.get(needle.kind, [needle.text])
    return ways[number % len(ways)]
