import json
import subprocess
import sys

import pytest


def measure(project, output, patients):
    command = [sys.executable, project / "benchmarks/splitting.py", output, "--patients", str(patients)]
    subprocess.run(command, check=True)
    return json.loads(output.read_text())


def test_the_benchmark_says_what_every_step_costs(project, tmp_path):
    result = measure(project, tmp_path / "out.json", 2_000)
    assert result["images"] > result["patients"] == 2_000
    assert result["wall_seconds"].keys() == result["cpu_seconds"].keys() >= {"assign, first export", "together"}
    assert 0 < result["largest_deviation_percentage_points"] < 5


@pytest.mark.slow
def test_a_million_patients_in_a_minute_and_four_gibibytes(project, tmp_path):
    result = measure(project, tmp_path / "out.json", 1_000_000)
    assert result["cpu_seconds"]["together"] < 60  # not the wall's: tests run beside each other
    assert result["peak_gibibytes"] < 4
