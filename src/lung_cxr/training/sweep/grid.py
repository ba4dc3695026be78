"""The settings that a sensitivity analysis tries, each with its name (sections III.F and IV.G)."""

from dataclasses import dataclass
from itertools import product

from lung_cxr.parameters import SensitivityParameters, StrategyParameters, TrainingParameters

SWEPT = ("patience", "step", "decay")


@dataclass(frozen=True)
class Setting:
    """One of them.

    Attributes:
        name: What it differs in, e.g. `p5-k3-decay0.1-n100` or `depth6`.
        strategy: Its strategy.
        training: What else it trains with.
    """

    name: str
    strategy: StrategyParameters
    training: TrainingParameters

    def run_name(self, backbone: str) -> str:
        """Return the name of its runs, a folder below `sensitivity/`."""
        return f"{backbone}-{self.name}"


def all_settings(
    sensitivity: SensitivityParameters,
    dynamic: StrategyParameters,
    traditional: StrategyParameters,
    training: TrainingParameters,
) -> list[Setting]:
    """Return what is tried of both strategies."""
    return [
        *dynamic_settings(sensitivity, dynamic, training),
        *traditional_settings(sensitivity, traditional, training),
    ]


def dynamic_settings(
    sensitivity: SensitivityParameters, dynamic: StrategyParameters, training: TrainingParameters
) -> list[Setting]:
    """Return every p × k × decay at the n of `training`, then every n at the p, k and decay of `dynamic`.

    Patience changes slowest, and what occurs twice is there once.
    """
    grid = [(*swept, training.max_epochs) for swept in product(*(getattr(sensitivity, name) for name in SWEPT))]
    base = tuple(getattr(dynamic.root, name) for name in SWEPT)
    budgets = [(*base, n) for n in sensitivity.max_epochs]
    return [
        Setting(
            name=f"p{p}-k{k}-decay{decay:g}-n{n}",
            strategy=_changed(dynamic, patience=p, step=k, decay=decay),
            training=training.model_copy(update={"max_epochs": n}),
        )
        for p, k, decay, n in dict.fromkeys(grid + budgets)
    ]


def traditional_settings(
    sensitivity: SensitivityParameters, traditional: StrategyParameters, training: TrainingParameters
) -> list[Setting]:
    """Return traditional fine-tuning at every depth: a search among one candidate."""
    return [
        Setting(f"depth{depth}", _changed(traditional, depth="search", search_depths=[depth]), training)
        for depth in dict.fromkeys(sensitivity.depths)
    ]


def _changed(strategy: StrategyParameters, **changes: object) -> StrategyParameters:
    return StrategyParameters.model_validate(strategy.model_dump() | changes)
