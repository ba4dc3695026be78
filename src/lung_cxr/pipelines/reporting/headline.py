"""Say what the newest report says and where it is: `python -m lung_cxr.pipelines.reporting.headline <08_reporting>`."""

import json
import sys
from pathlib import Path


def newest(folder: Path, name: str) -> Path:
    """Return the newest version of a versioned file: `<folder>/<name>/<version>/<name>`.

    Raises:
        FileNotFoundError: There is none.
    """
    versions = sorted((folder / name).glob(f"*/{name}"))
    if not versions:
        raise FileNotFoundError(f"no {name} in {folder}; make one with `kedro run --pipelines reporting`")
    return versions[-1]


def closing_words(folder: Path) -> str:
    """Return the headline of the newest comparison and the path of the newest report.

    Args:
        folder: `08_reporting` of an environment.
    """
    headline = json.loads(newest(folder, "comparison.json").read_text(encoding="utf-8"))["headline"]
    return f"\n{headline}\n\nReport: {newest(folder, 'report.html').resolve()}\n"


if __name__ == "__main__":
    sys.stdout.write(closing_words(Path(sys.argv[1])))
