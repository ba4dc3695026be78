"""How often chance alone looks like an identifier: never, for a thousand of them in a run's worth of numbers."""

import base64
import io
import json

import numpy as np
import pandas as pd
import pytest

from leaks.containers import Opener
from leaks.needles import Needle
from leaks.planted import needles_of_people
from leaks.search import Search
from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import SyntheticHospitalParameters
from lung_cxr.synthetic.hospital.exams import draw_schedule

SIZE = 1_500


@pytest.fixture(scope="module")
def needles() -> list[Needle]:
    """Of 150 patients, a thousand identifiers."""
    settings = {
        "seed": 3, "patients": 150, "side": 128, "returning_fraction": 0.3, "minimum_patients_per_class": 1,
        "class_counts": dict.fromkeys(DISEASES, 1), "defects": {}, "burned_in_fraction": 0, "workers": 1,
    }  # fmt: skip
    return needles_of_people(draw_schedule(SyntheticHospitalParameters.model_validate(settings)))


def csv_of(rng: np.random.Generator) -> bytes:
    days = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(-365, 730, SIZE), unit="D")
    columns = {
        "image_id": [rng.bytes(16).hex() for _ in range(SIZE)],
        "exam_day": days.strftime("%Y-%m-%d"),  # shifted days: among them those of others
        "loss": rng.normal(size=SIZE),
        "modified_ns": rng.integers(1_600_000_000, 1_900_000_000, SIZE) * 1_000_000_000 + rng.integers(0, 10**9, SIZE),
        "rows": rng.choice([1024, 1411, 2048, 2500], SIZE),
    }
    return pd.DataFrame(columns).to_csv(index=False).encode()


def parquet_of(rng: np.random.Generator) -> bytes:
    file = io.BytesIO()
    frame = pd.read_csv(io.BytesIO(csv_of(rng)))
    frame.assign(exam_day=pd.to_datetime(frame["exam_day"])).to_parquet(file)
    return file.getvalue()


def page_of(rng: np.random.Generator) -> bytes:
    points = " ".join(f"{x:.2f},{y:.2f}" for x, y in rng.uniform(0, 1000, (SIZE, 2)))
    picture = base64.b64encode(rng.bytes(30_000)).decode()
    numbers = json.dumps({"curve": rng.random(SIZE).round(6).tolist(), "counts": rng.integers(0, 5000, SIZE).tolist()})
    return f'<svg><path d="M{points}"/></svg><img src="data:;base64,{picture}"><script>{numbers}</script>'.encode()


@pytest.mark.parametrize(
    ("name", "make"),
    [("x.csv", csv_of), ("x.parquet", parquet_of), ("x.html", page_of), ("x.bin", lambda rng: rng.bytes(400_000))],
)
def test_chance_finds_nobody(needles, name, make):
    content = make(np.random.default_rng(5))
    finds = Search(needles, Opener(None)).in_file(name, content)
    assert len(needles) > 900
    # two columns of a CSV are one text too, where nobody knows that a day is a shifted one
    assert [find for find in finds if find.kind != "exam_date"] == []
