import logging
import os
import stat
from types import SimpleNamespace

import numpy as np
import pytest
from kedro.framework.hooks.manager import _create_hook_manager

from lung_cxr.datasets import AtomicJSONDataset, FolderDataset
from lung_cxr.file_access import FileAccessHook, present_umask, restrict_access
from lung_cxr.imaging.catalogue.image_store import ImageStore


@pytest.fixture(autouse=True)
def _umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("access", "folders", "files"), [("owner", 0o700, 0o600), ("group", 0o770, 0o660)])
def test_what_a_run_writes_is_for_the_owner_or_the_group(tmp_path, access, folders, files):
    values = {"root": "data", "file_access": access}
    FileAccessHook().after_context_created(SimpleNamespace(config_loader={"globals": values}, project_path=tmp_path))
    FolderDataset(filepath=str(tmp_path / "data/02_intermediate")).load()
    AtomicJSONDataset(filepath=str(tmp_path / "data/02_intermediate/counts.json")).save({})
    store = ImageStore(tmp_path / "data/03_primary/images")
    store.put("a" * 32, np.zeros((8, 8), np.uint8))
    written = list((tmp_path / "data").rglob("*"))
    assert {mode(path) for path in written if path.is_dir()} == {folders}
    assert {mode(path) for path in written if path.is_file()} == {files}
    assert len(written) > 4


def test_existing_layers_are_restricted_and_01_raw_is_left_to_the_hospital(tmp_path):
    for name in ("01_raw", "02_intermediate", "08_reporting"):
        (tmp_path / name).mkdir(mode=0o755)
    restrict_access(tmp_path, "owner")
    assert [mode(tmp_path / name) for name in ("01_raw", "02_intermediate", "08_reporting")] == [0o755, 0o700, 0o700]
    assert present_umask() == 0o077


def test_another_value_is_an_error_that_names_the_choices(tmp_path):
    with pytest.raises(ValueError, match=r"'everybody'.*owner, group"):
        restrict_access(tmp_path, "everybody")


def test_kedro_does_not_log_the_arguments_of_hooks_at_debug(caplog):
    with caplog.at_level(logging.DEBUG):
        manager = _create_hook_manager()
        manager.hook.after_node_run(
            node=None, catalog=None, inputs={"path": "NGUYEN VAN MAT.dcm"}, outputs={}, is_async=False, run_id="1"
        )
    assert "NGUYEN" not in caplog.text
