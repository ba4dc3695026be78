"""The grid points of a sensitivity analysis, each with its name (sections III.F and IV.G)."""

from dataclasses import dataclass
from itertools import product

from lung_cxr.parameters import SensitivityParameters, TrainingParameters
from lung_cxr.training.strategies.registry import StrategyParameters

SWEPT = ("patience", "step", "decay")


@dataclass(frozen=True)
class GridPoint:
    """One combination of settings.

    Attributes:
        name: The varied settings, e.g. `p5-k3-decay0.1-n100` or `depth6`.
        strategy: Settings of the strategy.
        training: All other settings.
    """

    name: str
    strategy: StrategyParameters
    training: TrainingParameters

    def run_name(self, backbone: str) -> str:
        """Return the name of the grid point's runs, a folder below `sensitivity/`."""
        return f"{backbone}-{self.name}"


def grid_points(
    sensitivity: SensitivityParameters,
    dynamic: StrategyParameters,
    traditional: StrategyParameters,
    training: TrainingParameters,
) -> list[GridPoint]:
    """Return the grid points of both strategies.

    Args:
        sensitivity: Values to combine.
        dynamic, traditional: Values of the settings that do not vary.
        training: Settings that all strategies share.
    """
    return [
        *dynamic_grid_points(sensitivity, dynamic, training),
        *traditional_grid_points(sensitivity, traditional, training),
    ]


def dynamic_grid_points(
    sensitivity: SensitivityParameters, dynamic: StrategyParameters, training: TrainingParameters
) -> list[GridPoint]:
    """Return every p × k × decay at the n of `training`, then every n at the p, k and decay of `dynamic`.

    Patience changes slowest. A combination that occurs twice is returned once.
    """
    grid = [(*swept, training.max_epochs) for swept in product(*(getattr(sensitivity, name) for name in SWEPT))]
    base = tuple(getattr(dynamic.root, name) for name in SWEPT)
    budgets = [(*base, n) for n in sensitivity.max_epochs]
    return [
        GridPoint(
            name=f"p{p}-k{k}-decay{decay:g}-n{n}",
            strategy=_changed(dynamic, patience=p, step=k, decay=decay),
            training=training.model_copy(update={"max_epochs": n}),
        )
        for p, k, decay, n in dict.fromkeys(grid + budgets)
    ]


def traditional_grid_points(
    sensitivity: SensitivityParameters, traditional: StrategyParameters, training: TrainingParameters
) -> list[GridPoint]:
    """Return traditional fine-tuning at every depth, each as a depth search with one candidate."""
    return [
        GridPoint(f"depth{depth}", _changed(traditional, depth="search", search_depths=[depth]), training)
        for depth in dict.fromkeys(sensitivity.depths)
    ]


def _changed(strategy: StrategyParameters, **changes: object) -> StrategyParameters:
    return StrategyParameters.model_validate(strategy.model_dump() | changes)
