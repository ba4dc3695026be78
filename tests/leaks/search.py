"""Needles in texts: exact after folding, and tolerant of a misread letter where the text was read from pixels.

A day may be met by chance: `exam_day` holds days that were shifted, and one patient's shifted day may be another's true
one. Those columns are left out of the search for exam dates (not for birth dates, and not for anything else); the test
compares each of their rows with the true day of that very patient.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from leaks.containers import Opener, Text
from leaks.digits import numbers_in
from leaks.needles import Needle, fold

SHIFTED = ("exam_day",)  # columns of shifted days
ALIKE = 0.8  # of a form's letters, where a text was read from pixels
MIN_READ = 6  # characters of a form that is compared so
LOOKALIKES = str.maketrans("oqdilszbg", "000115289")  # letters that digits are taken for
NUMERIC_SHARE = 0.5  # of the distinct values of a column of numbers


@dataclass(frozen=True)
class Find:
    """A needle that was found.

    Attributes:
        kind: Of identifier.
        text: The identifier.
        where: The way to it.
    """

    kind: str
    text: str
    where: str


@dataclass
class Search:
    """Looks for all needles in files.

    Args:
        needles: What must not be there.
        opener: Opens the files and counts them.
    """

    needles: Iterable[Needle]
    opener: Opener
    files: int = 0
    _letters: dict[str, set[Needle]] = field(init=False)
    _numbers: dict[str, set[Needle]] = field(init=False)
    _weak: dict[str, set[Needle]] = field(init=False)

    def __post_init__(self) -> None:
        self.needles = list(self.needles)
        self._letters, self._numbers, self._weak = (
            _by_form(self.needles, name) for name in ("letters", "numbers", "weak")
        )

    def in_folder(self, folder: Path, leave_out: Iterable[str] = ()) -> list[Find]:
        """Search the files below a folder and their names; `leave_out`: paths below it that are not searched."""
        finds: list[Find] = []
        left_out = [folder / name for name in leave_out]
        for path in sorted(folder.rglob("*")):
            if any(path.is_relative_to(one) for one in left_out):
                continue
            name = path.relative_to(folder).as_posix()
            finds += self.in_text(Text(f"{name}: name", name, (path.name, path.stem)))
            if path.is_symlink():
                finds += self.in_text(Text(f"{name}: link", str(path.readlink())))
            elif path.is_file():
                finds += self.in_file(name, path.read_bytes())
        return finds

    def in_file(self, name: str, data: bytes) -> list[Find]:
        """Search one file's bytes."""
        self.files += 1
        finds = {find: None for text in self.opener.texts(name, data) for find in self.in_text(text)}
        return list(finds)

    def in_text(self, text: Text) -> list[Find]:
        """Search one text."""
        found = self._by_letters(text.text) | self._by_numbers(text.text)
        found |= self._whole(text) | (self._read(text.text) if text.is_read else set())
        if text.column in SHIFTED:
            found = {needle for needle in found if needle.kind != "exam_date"}
        return [Find(needle.kind, needle.text, text.where) for needle in sorted(found, key=lambda one: one.text)]

    def counts(self) -> str:
        """What was searched, in words."""
        kinds = Counter(needle.kind for needle in self.needles)
        forms = len(self._letters) + len(self._numbers) + len(self._weak)
        opened = ", ".join(f"{name} {number}" for name, number in sorted(self.opener.opened.items()))
        return (
            f"{sum(kinds.values())} identifiers in {forms} forms ({', '.join(f'{k} {n}' for k, n in kinds.items())}); "
            f"{self.files} files, {self.opener.bytes:,} bytes with all that is inside them; opened: {opened}"
        )

    def _by_letters(self, text: str) -> set[Needle]:
        folded = fold(text)
        return {needle for form, needles in self._letters.items() if form in folded for needle in needles}

    def _by_numbers(self, text: str) -> set[Needle]:
        return {needle for number in numbers_in(text) for needle in self._numbers.get(number, ())}

    def _whole(self, text: Text) -> set[Needle]:
        """Short numbers: a text that is nothing else, a column of numbers that are mostly patients'."""
        cells = {fold(cell.removesuffix(".0")) for cell in text.cells or ()}
        found = {cell: self._weak[cell] for cell in cells if cell in self._weak}
        if text.is_numeric and len(found) < max(3, NUMERIC_SHARE * len(cells)):
            return set()
        return {needle for needles in found.values() for needle in needles}

    def _read(self, text: str) -> set[Needle]:
        """What may have been misread: `ALIKE` of a form's characters are in the part of the text that is most alike."""
        folded = fold(text)
        digits = folded.translate(LOOKALIKES)
        found: set[Needle] = set()
        for forms, shown in ((self._letters, folded), (self._numbers, digits)):
            for form, needles in forms.items():
                plain = form.replace("-", "")
                if len(plain) >= MIN_READ and similarity(plain, shown) >= ALIKE:
                    found |= needles
        return found


def similarity(form: str, text: str) -> float:
    """1 − edits / length of `form`, for the part of `text` that is most alike (Sellers 1980)."""
    if not text:
        return 0.0
    letters = np.array([ord(letter) for letter in text])
    row = np.zeros(len(text) + 1)
    steps = np.arange(len(text) + 1)
    for number, letter in enumerate(form, start=1):
        best = np.minimum(row[1:] + 1, row[:-1] + (letters != ord(letter)))
        row = np.concatenate([[number], best])
        row = np.minimum.accumulate(row - steps) + steps  # insertions
    return 1 - float(row.min()) / len(form)


def _by_form(needles: Iterable[Needle], kind: str) -> dict[str, set[Needle]]:
    forms: dict[str, set[Needle]] = defaultdict(set)
    for needle in needles:
        for form in getattr(needle, kind):
            forms[form].add(needle)
    return dict(forms)
