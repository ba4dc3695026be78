"""A copy of the project in a folder of its own, in which a test gives commands as a person would."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

PLAIN = re.compile(r"\x1b\[[0-9;]*m")


class Project:
    """A fresh copy of the project; commands run in it as a person would type them."""

    def __init__(self, source: Path, folder: Path):
        self.folder = folder
        for name in ("pyproject.toml", ".telemetry"):
            shutil.copy(source / name, folder / name)
        shutil.copytree(source / "conf", folder / "conf", ignore=shutil.ignore_patterns("credentials*"))
        shutil.copytree(source / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        shutil.copytree(source / "notebooks", folder / "notebooks")

    def kedro(self, *arguments: str, succeeds: bool = True, **variables: str) -> str:
        """Run `kedro <arguments>`; return what it printed, as one line without colours."""
        environment = {**os.environ, "COLUMNS": "400", "PYTHONPATH": str(self.folder / "src"), **variables}
        done = subprocess.run(
            [sys.executable, "-m", "kedro", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        printed = re.sub(r"\s+", " ", PLAIN.sub("", done.stdout + done.stderr))
        assert (done.returncode == 0) == succeeds, printed[-6000:]
        return printed

    def notebook(self, name: str, executed: Path, **variables: str) -> set[str]:
        """Run a notebook as Jupyter would, leave it with its outputs in `executed`; return the cells with a picture."""
        import nbformat
        from nbclient import NotebookClient

        notebook = nbformat.read(self.folder / "notebooks" / name, as_version=4)
        place = {"metadata": {"path": str(self.folder / "notebooks")}}
        kernels = {"JUPYTER_RUNTIME_DIR": str(executed), "IPYTHONDIR": str(executed)}
        environment = {**os.environ, **kernels, "PYTHONPATH": str(self.folder / "src"), **variables}
        environment.pop("MPLBACKEND", None)  # Jupyter's own draws into the page
        try:
            NotebookClient(notebook, timeout=600, resources=place, kernel_name="python3").execute(env=environment)
        finally:
            nbformat.write(notebook, executed / name)
        return {
            cell["id"]
            for cell in notebook.cells
            for output in cell.get("outputs", [])
            if "image/png" in output.get("data", {})
        }

    def table(self, path: str) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "data/test" / path)

    def modified(self, pattern: str) -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in sorted((self.folder / "data/test").glob(pattern))}
