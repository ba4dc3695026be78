"""The grid of experiments: every backbone with every strategy is a grid point, named `{backbone}.{strategy}`.

The graph of a Kedro pipeline cannot depend on parameters, so the grid is a constant. It is derived from two registries:
the rows of `models/backbones.py` and the files of `training/strategies/`.
"""

from typing import NamedTuple

from lung_cxr.models import backbones
from lung_cxr.training.strategies.registry import STRATEGIES as ALL_STRATEGIES

BACKBONES = tuple(backbones.BACKBONES)  # section IV.E of the paper

STRATEGIES = tuple(name for name, strategy in ALL_STRATEGIES.items() if strategy.pipeline == "training")
"""The strategies that the paper compares (Tables 3 and 4); pipeline `training`."""

BASELINES = tuple(name for name, strategy in ALL_STRATEGIES.items() if strategy.pipeline == "baselines")
"""All other strategies; pipeline `baselines`."""


class Run(NamedTuple):
    """A grid point."""

    backbone: str
    strategy: str

    @property
    def namespace(self) -> str:
        """Namespace of the grid point, as in `kedro run --namespaces mobilenet.dynamic`."""
        return f"{self.backbone}.{self.strategy}"

    @property
    def results(self) -> str:
        """Name of the catalogue entry with the results (without dots, because other pipelines use it)."""
        return f"{self.backbone}-{self.strategy}-runs"

    @property
    def fold_results(self) -> str:
        """Name of the catalogue entry with the results of the cross-validation."""
        return f"{self.backbone}-{self.strategy}-folds"


RUNS = tuple(Run(backbone, strategy) for backbone in BACKBONES for strategy in STRATEGIES)
BASELINE_RUNS = tuple(Run(backbone, strategy) for backbone in BACKBONES for strategy in BASELINES)
GRID = tuple(Run(backbone, strategy) for backbone in BACKBONES for strategy in STRATEGIES + BASELINES)

LOGISTIC_REGRESSION = "logistic_regression"
LOGISTIC_REGRESSION_DEPTHS = "logistic_regression_depths"
REFERENCE_MODELS = (LOGISTIC_REGRESSION, "logistic_regression_augmented", LOGISTIC_REGRESSION_DEPTHS)
"""The blocks of `reference_models:`; the first one is in the pipeline `training`, the others are in `baselines`."""

LOGISTIC_REGRESSION_RUNS = tuple(Run(backbone, LOGISTIC_REGRESSION) for backbone in BACKBONES)
FURTHER_REFERENCE_RUNS = tuple(Run(backbone, name) for backbone in BACKBONES for name in REFERENCE_MODELS[1:])
REFERENCE_RUNS = LOGISTIC_REGRESSION_RUNS + FURTHER_REFERENCE_RUNS
CROSS_VALIDATED = GRID + REFERENCE_RUNS


def sweep_results(backbone: str) -> str:
    """Return the name of the catalogue entry with the runs of a backbone's sensitivity analysis."""
    return f"{backbone}-sensitivity-runs"


DEMO_BACKBONE = "mobilenet"
