"""Commands of this project that replace Kedro's own."""

from pathlib import Path

import click
from kedro.framework.cli.project import package as package_project
from kedro.framework.cli.project import run
from kedro.framework.startup import ProjectMetadata

__all__ = ["cli", "run"]  # `python -m lung_cxr` of the packaged project looks for `run` here


@click.group(name="lung_cxr")
def cli() -> None:
    """Commands of lung_cxr."""


@cli.command()
@click.pass_obj
def package(metadata: ProjectMetadata) -> None:
    """Package the project as a wheel and its configuration, never with credentials.

    Raises:
        ClickException: The package would hold credentials or another file of `conf/local`.
    """
    secret = [str(path.relative_to(metadata.project_path)) for path in _packed_secrets(metadata.project_path / "conf")]
    if secret:
        raise click.ClickException(
            f"found secrets that would be packed: {', '.join(secret)}. Expected credentials only in "
            "conf/local/credentials.yml, which is never packed: move them there"
        )
    click.get_current_context().invoke(package_project)


def _packed_secrets(conf: Path) -> list[Path]:
    """Return credentials of all environments and files of `local` that Kedro packs; it excludes `local/*.yml`."""
    files = [path for path in sorted(conf.rglob("*")) if path.is_file() and path.name != ".gitkeep"]
    local = {path for path in files if path.relative_to(conf).parts[0] == "local"}
    credentials = {path for path in files if "credentials" in path.relative_to(conf).as_posix()}
    return sorted(path for path in local | credentials if not (path in local and path.suffix == ".yml"))
