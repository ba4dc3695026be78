"""One Pydantic model per parameter group, one module per file `conf/base/parameters_<pipeline>.yml`.

No field has a default: all values are in `conf/`. Kedro builds these models before any node runs, so a typo or a
missing setting stops the run there. Each field states its unit and its source: a section, table or equation of the
paper, or our own choice (docs/decisions.md).
"""

from lung_cxr.parameters.backbones import BackboneParameters
from lung_cxr.parameters.base import ParameterGroup
from lung_cxr.parameters.ingestion import (
    DriftParameters,
    EmrParameters,
    Icd10Parameters,
    IngestionParameters,
    IngestionReportParameters,
    KeyRotationParameters,
    LogicalColumn,
    QualityParameters,
    StandardiseParameters,
    TextPolicy,
)
from lung_cxr.parameters.predict import PredictParameters
from lung_cxr.parameters.reporting import GradCamParameters, ReportingParameters
from lung_cxr.parameters.sensitivity import SensitivityParameters
from lung_cxr.parameters.splitting import SplittingParameters
from lung_cxr.parameters.synthetic_hospital import SyntheticDefect, SyntheticHospitalParameters
from lung_cxr.parameters.training import (
    AnyStrategy,
    AugmentationParameters,
    DynamicParameters,
    FrozenPrefixParameters,
    FullParameters,
    GradualParameters,
    LinearProbeParameters,
    LogisticRegressionParameters,
    StopPatience,
    StrategyParameters,
    TraditionalParameters,
    TrainingParameters,
    TwoStageParameters,
)

__all__ = [
    "AnyStrategy",
    "AugmentationParameters",
    "BackboneParameters",
    "DriftParameters",
    "DynamicParameters",
    "EmrParameters",
    "FrozenPrefixParameters",
    "FullParameters",
    "GradCamParameters",
    "GradualParameters",
    "Icd10Parameters",
    "IngestionParameters",
    "IngestionReportParameters",
    "KeyRotationParameters",
    "LinearProbeParameters",
    "LogicalColumn",
    "LogisticRegressionParameters",
    "ParameterGroup",
    "PredictParameters",
    "QualityParameters",
    "ReportingParameters",
    "SensitivityParameters",
    "SplittingParameters",
    "StandardiseParameters",
    "StopPatience",
    "StrategyParameters",
    "SyntheticDefect",
    "SyntheticHospitalParameters",
    "TextPolicy",
    "TraditionalParameters",
    "TrainingParameters",
    "TwoStageParameters",
]
