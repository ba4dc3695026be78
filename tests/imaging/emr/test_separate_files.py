import os

import pandas as pd
import pytest

from lung_cxr.imaging.emr import separate_files as module
from lung_cxr.imaging.emr.separate_files import id_in_export, separate_files

COLUMNS = ["image_id", "source_key", "export"]


@pytest.fixture
def hospital(tmp_path, secret, monkeypatch):
    """Files of several exports under one path and one image id; counts the files that are read."""
    return Deliveries(tmp_path, secret, monkeypatch)


class Deliveries:
    def __init__(self, folder, secret, monkeypatch):
        self.folder, self.secret, self.reads = folder, secret, 0
        self.image = secret.key("image", "7", "a.png")
        self.shared = None
        digest = module.hashlib.file_digest

        def counted(*arguments):
            self.reads += 1
            return digest(*arguments)

        monkeypatch.setattr(module.hashlib, "file_digest", counted)

    def deliver(self, export: int, content: str, seconds: int | None = None) -> None:
        path = self.folder / f"{export}.png"
        path.write_text(content)
        os.utime(path, (seconds or export, seconds or export))

    def source(self, content: str) -> str:
        return self.secret.source_key(module.hashlib.sha256(content.encode()).digest())

    def separate(self, exports, catalogue=(), trust=True) -> list[str]:
        """Ids of the exports' files: "" is the shared id, a number that of an export."""
        cells = {"image_id": self.image, "export": list(exports), "clean_path": "a.png", "image_path": "a.png"}
        rows = pd.DataFrame(cells).assign(study_id="", study_key="s")
        self.reads = 0
        previous = pd.DataFrame(catalogue, columns=COLUMNS) if catalogue else None
        result = separate_files(
            rows, previous, self.shared, lambda n, _: self.folder / f"{n}.png", self.secret, trust_timestamps=trust
        )
        self.shared = result.shared
        names = {self.image: ""} | {id_in_export(self.image, n, self.secret): n for n in exports}
        return [names[image_id] for image_id in result.rows["image_id"]]


def test_one_file_in_every_export_is_one_image(hospital):
    for export in (1, 2, 3):
        hospital.deliver(export, "same")
    assert hospital.separate([1, 2, 3]) == ["", "", ""]


def test_different_files_are_different_images_and_the_earliest_keeps_the_id(hospital):
    for export, content in ((1, "jan"), (2, "feb"), (3, "feb"), (4, "jan")):
        hospital.deliver(export, content)
    assert hospital.separate([1, 2, 3, 4]) == ["", 2, 2, ""]


def test_the_file_of_the_catalogue_keeps_its_id(hospital):
    """A catalogue made before this rule may hold the later file: no file of it is read again."""
    hospital.deliver(1, "jan")
    hospital.deliver(2, "feb")
    catalogue = [(hospital.image, hospital.source("feb"), 1)]
    assert hospital.separate([1, 2], catalogue) == [1, ""]


def test_a_later_export_is_compared_with_an_archived_one(hospital):
    catalogue = [(hospital.image, hospital.source("jan"), 1)]
    hospital.deliver(2, "feb")
    assert hospital.separate([2], catalogue) == [2]
    hospital.deliver(2, "jan")
    assert hospital.separate([2], catalogue) == [""]


def test_a_file_is_compared_once(hospital):
    hospital.deliver(1, "jan")
    hospital.deliver(2, "feb")
    hospital.deliver(3, "jan")
    assert hospital.separate([1, 2, 3]) == ["", 2, ""]
    assert hospital.reads == 3
    second = id_in_export(hospital.image, 2, hospital.secret)
    catalogue = [(hospital.image, hospital.source("jan"), 1), (second, hospital.source("feb"), 2)]
    assert hospital.separate([1, 2, 3], catalogue) == ["", 2, ""]
    assert hospital.reads == 0


def test_a_single_export_reads_nothing_and_a_changed_file_keeps_its_id(hospital):
    catalogue = [(hospital.image, hospital.source("jan"), 1)]
    hospital.deliver(1, "changed")
    assert hospital.separate([1], catalogue) == [""]
    assert hospital.reads == 0
    hospital.shared = None
    hospital.deliver(2, "jan")
    assert hospital.separate([2], catalogue) == [""]
    hospital.deliver(2, "mended")
    assert hospital.separate([2], catalogue) == [""]  # compared before: the change replaces the image


def test_files_of_one_size_and_time_are_the_same_if_timestamps_are_trusted(hospital):
    hospital.deliver(1, "same", seconds=9)
    hospital.deliver(2, "same", seconds=9)
    assert hospital.separate([1, 2]) == ["", ""]
    assert hospital.reads == 1
    hospital.shared = None
    hospital.deliver(2, "diff", seconds=9)
    assert hospital.separate([1, 2], trust=False) == ["", 2]


def test_a_row_without_a_file_describes_the_file_before_it(hospital):
    hospital.deliver(1, "jan")
    hospital.deliver(2, "feb")
    assert hospital.separate([1, 2, 3]) == ["", 2, 2]
