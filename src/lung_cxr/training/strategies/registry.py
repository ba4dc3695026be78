"""The registry of strategies: every strategy in a file of this folder, by its name (the parameter `kind`).

A new strategy is one file here and one block in `strategies:` of `conf/base/parameters_training.yml`, both named like
its `kind`. Nothing else has to change: the grid of experiments, the pipelines and the parameters are derived from here.
"""

from functools import reduce
from importlib import import_module
from operator import or_
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, RootModel

from lung_cxr.parameters import BackboneParameters, ParameterGroup
from lung_cxr.training import strategies
from lung_cxr.training.strategies.strategy import Strategy


def strategies_in(package: Any) -> dict[str, type[Strategy]]:
    """Return the name of each module of a package that defines a strategy → its class, in alphabetical order."""
    modules = {
        found.name: import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__)
    }
    return {
        name: value
        for name, module in modules.items()
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy
        if value.__module__ == module.__name__
    }


STRATEGIES = strategies_in(strategies)
"""The parameter `kind` → class of the strategy."""

if TYPE_CHECKING:
    AnyStrategy = Any
else:
    AnyStrategy = reduce(or_, (strategy.parameters_type for strategy in STRATEGIES.values()))


class StrategyParameters(RootModel[Annotated[AnyStrategy, Field(discriminator="kind")]]):
    """A block of `strategies:`; its `kind` selects the strategy and the model of the block."""

    model_config = ConfigDict(frozen=True)


def strategy_of(parameters: ParameterGroup, backbone: BackboneParameters) -> Strategy:
    """Return the strategy of a block of `strategies:`."""
    return STRATEGIES[parameters.kind](parameters, backbone)  # type: ignore[attr-defined]
