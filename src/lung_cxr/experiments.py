"""The whole grid of experiments: every backbone × strategy is a run, named `{backbone}.{strategy}`.

The graph of a Kedro pipeline cannot depend on parameters, so the grid is this constant. A new backbone is one name
here, one row in `models/backbones.py` and one block in `conf/base/parameters_backbones.yml`; a new strategy is one
name here, one class in `training/strategies.py` and one block in `conf/base/parameters_training.yml`.
"""

from typing import NamedTuple

BACKBONES = (  # section IV.E of the paper
    "xception",
    "densenet121",
    "efficientnetv2s",
    "inceptionv3",
    "mobilenet",
    "resnet50",
    "vgg16",
)

STRATEGIES = ("dynamic", "traditional")  # Table 4, Table 3: what the paper compares; pipeline `training`
BASELINES = ("linear_probe", "two_stage", "gradual", "full")  # what else it has to beat; pipeline `baselines`


class Run(NamedTuple):
    """One cell of the grid."""

    backbone: str
    strategy: str

    @property
    def namespace(self) -> str:
        """Name of the run's namespace, as in `kedro run --namespaces mobilenet.dynamic`."""
        return f"{self.backbone}.{self.strategy}"

    @property
    def results(self) -> str:
        """Name of the catalogue entry with the run's results (no dots: other pipelines use it)."""
        return f"{self.backbone}-{self.strategy}-runs"


RUNS = tuple(Run(backbone, strategy) for backbone in BACKBONES for strategy in STRATEGIES)
BASELINE_RUNS = tuple(Run(backbone, strategy) for backbone in BACKBONES for strategy in BASELINES)
GRID = tuple(Run(backbone, strategy) for backbone in BACKBONES for strategy in STRATEGIES + BASELINES)

LOGISTIC_REGRESSION = "logistic_regression"  # reference model of each backbone; pipeline `training`


def reference_predictions(backbone: str) -> str:
    """Return the name of the catalogue entry with the predictions of a backbone's logistic regression."""
    return f"{backbone}-{LOGISTIC_REGRESSION}"


def sweep_results(backbone: str) -> str:
    """Name of the catalogue entry with the runs of a backbone's sensitivity analysis."""
    return f"{backbone}-sensitivity-runs"


DEMO_BACKBONE = "mobilenet"
