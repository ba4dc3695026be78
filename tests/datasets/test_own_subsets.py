"""The hospital's own division into subsets, as docs/refresh.md says to write it."""

import re

import pandas as pd

from lung_cxr import contracts
from lung_cxr.imaging.deidentify.pseudonyms import Secret

KEY = "k" * 40


def test_the_documented_lines_write_the_table_that_splitting_reads(project, tmp_path, monkeypatch):
    page = (project / "docs/refresh.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LUNG_CXR_KEY", KEY)
    (tmp_path / "data/01_raw").mkdir(parents=True)
    (tmp_path / "data/01_raw/subsets.csv").write_text(
        "patient_id,subset,label\n 007,test,Pneumonia\n8.0,train,COVID-19\n"
    )
    exec(lines, {})
    subsets = pd.read_parquet(tmp_path / "data/05_model_input/patient_subsets.parquet")
    contracts.patient_subsets.validate(subsets)
    assert subsets["patient_key"].tolist() == [Secret(KEY).key("patient", number) for number in ("007", "8")]
    assert subsets["subset"].tolist() == ["test", "train"]
