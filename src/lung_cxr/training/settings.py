"""The settings that a sensitivity analysis tries, each with its name (sections III.F and IV.G)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from lung_cxr.parameters import (
    DynamicParameters,
    ParameterGroup,
    SensitivityParameters,
    StrategyParameters,
    TraditionalParameters,
    TrainingParameters,
)


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


def dynamic_settings(
    sensitivity: SensitivityParameters, dynamic: DynamicParameters, training: TrainingParameters
) -> list[Setting]:
    """Return every p × k × decay at the n of `training`, then every n at the p, k and decay of `dynamic`.

    Patience changes slowest, and what occurs twice is there once.
    """
    grid = [(p, k, decay, training.max_epochs) for p, k, decay in _grid(sensitivity)]
    budgets = [(dynamic.patience, dynamic.step, dynamic.decay, n) for n in sensitivity.max_epochs]
    return [
        Setting(
            name=f"p{p}-k{k}-decay{decay:g}-n{n}",
            strategy=_strategy(dynamic, patience=p, step=k, decay=decay),
            training=training.model_copy(update={"max_epochs": n}),
        )
        for p, k, decay, n in dict.fromkeys(grid + budgets)
    ]


def traditional_settings(
    sensitivity: SensitivityParameters, traditional: TraditionalParameters, training: TrainingParameters
) -> list[Setting]:
    """Return traditional fine-tuning at every depth: a search among one candidate."""
    return [
        Setting(f"depth{depth}", _strategy(traditional, depth="search", search_depths=[depth]), training)
        for depth in dict.fromkeys(sensitivity.depths)
    ]


def _grid(sensitivity: SensitivityParameters) -> Iterator[tuple[int, int, float]]:
    return product(sensitivity.patience, sensitivity.step, sensitivity.decay)


def _strategy(parameters: ParameterGroup, **changes: object) -> StrategyParameters:
    return StrategyParameters.model_validate(parameters.model_dump() | changes)
