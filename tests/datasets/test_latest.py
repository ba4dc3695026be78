from kedro.io import Version

from lung_cxr.datasets import LatestTextDataset


def test_each_version_stays_and_the_newest_is_also_at_a_stable_path(tmp_path):
    for version, text in (("2026-01-01T00.00.00.000Z", "erste Fassung"), ("2026-02-01T00.00.00.000Z", "bản mới")):
        page = LatestTextDataset(
            filepath=str(tmp_path / "report.html"),
            version=Version(None, version),
            fs_args={"open_args_save": {"encoding": "utf-8"}},
        )
        page.save(text)
    texts = [path.read_text(encoding="utf-8") for path in sorted(tmp_path.glob("report.html/*/report.html"))]
    assert texts == ["erste Fassung", "bản mới"]
    assert (tmp_path / "latest/report.html").read_text(encoding="utf-8") == "bản mới"
    assert [path.name for path in (tmp_path / "latest").iterdir()] == ["report.html"]
