from pathlib import Path

import pytest
from kedro.io import DatasetError

from lung_cxr.datasets import WholeJSONDataset, WholeTextDataset


@pytest.mark.parametrize("kind", [WholeTextDataset, WholeJSONDataset])
def test_what_is_saved_is_loaded_and_a_kill_while_writing_leaves_the_old_one(tmp_path, monkeypatch, kind):
    dataset = kind(filepath=str(tmp_path / "02_intermediate/file"))
    dataset.save("a" * 32)

    def killed(path, *_, **__):
        path.write_bytes(b"")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", killed)
        with pytest.raises(KeyboardInterrupt):
            dataset.save("b" * 32)
    assert dataset.load() == "a" * 32
    assert [path.name for path in (tmp_path / "02_intermediate").iterdir()] == ["file"]


@pytest.mark.parametrize("kind", [WholeTextDataset, WholeJSONDataset])
def test_a_bucket_is_refused_with_the_reason(kind):
    with pytest.raises(DatasetError, match="mounted file system, found memory"):
        kind(filepath="memory://bucket/file").save("a")
