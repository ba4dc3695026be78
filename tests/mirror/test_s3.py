"""The mirror, a dataset and the lock against a server that speaks S3."""

import fsspec
import pandas as pd
import pytest

from lung_cxr.datasets import OptionalDataset, WholeParquetDataset
from lung_cxr.imaging.catalogue.lock import CatalogueInUseError
from lung_cxr.mirror import process
from lung_cxr.mirror.lock import sole_writer_of
from lung_cxr.mirror.place import VARIABLE
from lung_cxr.mirror.selection import Selection
from made_up_s3 import BUCKET, s3_server


@pytest.fixture(scope="module")
def s3():
    """The bucket, reached by environment variables alone."""
    with pytest.MonkeyPatch.context() as patch, s3_server() as variables:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield fsspec.filesystem("s3")
        fsspec.filesystem("s3").clear_instance_cache()  # the next server has another address


@pytest.fixture(autouse=True)
def _mirrors(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    yield
    process.give_back()


def test_what_is_written_in_one_mirror_is_what_the_next_one_gets(s3, tmp_path, monkeypatch):
    url = f"{BUCKET}/data/06_models"
    folder = process.current().pull(url, Selection())
    process.current().share(url, in_background=False)
    for name in ("model.keras", "checkpoints/epoch_00001.npz", "empty"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode() if name != "empty" else b"")
    process.current().push()
    (folder / "checkpoints/epoch_00001.npz").unlink()
    process.current().push()
    process.give_back()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "another machine"))
    elsewhere = process.current().pull(url, Selection())
    found = {path.relative_to(elsewhere).as_posix(): path for path in elsewhere.rglob("*") if path.is_file()}
    assert set(found) == {"model.keras", "empty"}
    assert found["model.keras"].read_bytes() == b"model.keras"
    assert elsewhere != folder
    times = {name: path.stat().st_ctime_ns for name, path in found.items()}
    process.current().pull(url, Selection())
    assert {name: path.stat().st_ctime_ns for name, path in found.items()} == times, "fetched twice"


def test_a_table_that_another_process_wrote_is_seen_at_once(s3):
    path = f"{BUCKET}/data/02_intermediate/known_exports.parquet"
    previous = OptionalDataset(dataset={"type": WholeParquetDataset, "filepath": path})
    assert previous.load() is None
    WholeParquetDataset(filepath=path).save(pd.DataFrame({"export": [1]}))
    assert previous.load()["export"].tolist() == [1]
    other = fsspec.filesystem("s3", skip_instance_cache=True)
    other.put_file(_table([1, 2]), path)
    assert previous.load()["export"].tolist() == [1, 2]


def _table(exports):
    path = process.current().path(f"{BUCKET}/elsewhere") / "table.parquet"
    path.parent.mkdir(parents=True)
    pd.DataFrame({"export": exports}).to_parquet(path)
    return str(path)


def test_the_second_writer_is_refused(s3):
    intermediate = f"{BUCKET}/data/02_intermediate"
    with (
        sole_writer_of(intermediate),
        pytest.raises(CatalogueInUseError, match="on machine"),
        sole_writer_of(intermediate),
    ):
        pass
    with sole_writer_of(intermediate):
        pass
