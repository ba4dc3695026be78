"""`kedro package`: what is installed elsewhere runs with the configuration beside it, without the project."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner
from kedro.framework.cli.utils import find_run_command
from kedro.framework.startup import ProjectMetadata

from lung_cxr import cli
from project_copy import Project


@pytest.mark.parametrize(
    ("file", "packed"),
    [
        ("local/credentials.yml", False),
        ("local/credentials.yaml", True),
        ("local/database.json", True),
        ("base/credentials.yml", True),
        ("public_cxr/credentials_of_site_b/key.yml", True),
        ("base/parameters.yml", False),
    ],
)
def test_credentials_are_never_packed(tmp_path, monkeypatch, file, packed):
    path = tmp_path / "conf" / file
    path.parent.mkdir(parents=True)
    path.write_text("lung_cxr_key: secret")
    packages = []
    monkeypatch.setattr(cli.package_project, "callback", lambda **_: packages.append(1))
    metadata = ProjectMetadata(tmp_path, "lung_cxr", "lung_cxr", tmp_path, "1.7.0", tmp_path, "1.7.0", "")
    done = CliRunner().invoke(cli.cli, ["package"], obj=metadata)
    assert (f"conf/{file}" in done.output, bool(packages), bool(done.exit_code)) == (packed, not packed, packed)


def test_the_packaged_project_finds_the_command_run():
    assert find_run_command("lung_cxr").name == "run"


@pytest.mark.slow
def test_the_packaged_project_runs_with_its_configuration(project, tmp_path):
    (tmp_path / "project").mkdir()
    source = Project(project, tmp_path / "project")
    for name in ("README.md", "LICENSE"):
        (source.folder / name).write_bytes((project / name).read_bytes())
    source.kedro("package")
    wheel, configuration = (next((source.folder / "dist").glob(name)) for name in ("*.whl", "conf-*.tar.gz"))

    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(installed), str(wheel)]
    subprocess.run(install, check=True, timeout=300)

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done.stdout

    assert run("-c", "import lung_cxr; print(lung_cxr.__file__)").startswith(str(installed))
    for pipelines in ("synthetic_hospital", "ingestion,splitting"):
        run("-m", "lung_cxr", "--env", "test", "--conf-source", str(configuration), "--pipelines", pipelines)
    split = pd.read_parquet(elsewhere / "data/test/05_model_input/split.parquet")
    assert set(split["subset"]) == {"train", "validation", "test"}
