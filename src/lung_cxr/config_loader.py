"""The configuration loader: named experiments on any environment, and no unknown parameter names."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf

EXPERIMENTS = "experiments"  # folder in conf/


class ExperimentConfigLoader(OmegaConfigLoader):
    """Adds `--params experiment=<name>` to Kedro's loader, and refuses unknown parameter names.

    An experiment is a named set of parameters in `conf/experiments/<name>.yml`. It is applied after the environment and
    before all other `--params`. Its runs and reports are in a subfolder of its name.
    """

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return a part of the configuration; parameters with those of the experiment.

        Raises:
            ValueError: A parameter or the experiment is unknown; the message names the nearest known one.
        """
        values = super().__getitem__(key)
        if key != "parameters":
            return values
        given = dict(self.runtime_params or {})
        name = given.pop("experiment", "")
        values = _merged(_merged(values, self._experiment(name) if name else {}), given)
        values.pop("experiment", None)
        self._refuse_unknown(values)
        training = values.get("training", {})
        if (found := training.get("experiment", "")) not in ("", name):
            raise ValueError(
                f"training.experiment is {found!r}; name an experiment with `--params experiment={found}` instead"
            )
        return values | {"training": training | {"experiment": name}}

    def _experiment(self, name: str) -> dict[str, Any]:
        """Return the parameters of an experiment.

        Raises:
            ValueError: There is no such experiment.
        """
        folder = Path(self.conf_source, EXPERIMENTS)
        names = sorted(path.stem for path in folder.glob("*.yml"))
        if name not in names:
            raise ValueError(
                f"experiment is {name!r}; expected one of {', '.join(names)}, the files of conf/{EXPERIMENTS}"
            )
        return yaml.safe_load((folder / f"{name}.yml").read_text(encoding="utf-8")) or {}

    def _refuse_unknown(self, values: dict[str, Any]) -> None:
        """Compare all parameter names with those of the base environment."""
        base: dict[str, Any] = {}
        for config in self._read_raw_config("parameters")[0].values():
            base |= dict(OmegaConf.to_container(config, resolve=False))  # type: ignore[arg-type]
        if unknown := [_described(name, siblings) for name, siblings in unknown_names(values, base)]:
            raise ValueError(f"Unknown parameter: {'; '.join(unknown)}")


def unknown_names(
    values: Mapping[str, Any], known: Mapping[str, Any], above: str = ""
) -> Iterator[tuple[str, list[str]]]:
    """Yield the dotted name of each parameter that `known` lacks, and the known names of the same group.

    A group that is empty or null in `known` may have any contents.
    """
    for name, value in values.items():
        if name not in known:
            yield f"{above}{name}", [f"{above}{sibling}" for sibling in known]
        elif isinstance(value, Mapping) and isinstance(known[name], Mapping) and known[name]:
            yield from unknown_names(value, known[name], f"{above}{name}.")


def subfolder(name: str) -> str:
    """Return "<name>/", or "" for "", for `${subfolder:…}` in the catalogue."""
    return f"{name}/" if name else ""


def _described(name: str, siblings: list[str]) -> str:
    nearest = get_close_matches(name, siblings, n=1, cutoff=0.0)
    return f"{name} (did you mean {nearest[0]}?)" if nearest else name


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return two nested dictionaries as one; values of `above` replace those of `below`."""
    merged = dict(below)
    for name, value in above.items():
        both_nested = isinstance(value, Mapping) and isinstance(below.get(name), Mapping)
        merged[name] = _merged(below[name], value) if both_nested else value
    return merged
