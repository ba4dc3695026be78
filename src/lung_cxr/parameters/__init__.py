"""One Pydantic model per parameter group, one module per file `conf/base/parameters_<pipeline>.yml`.

No field has a default: all values are in `conf/`. Kedro builds these models before any node runs, so a typo or a
missing setting stops the run there. Each field states its unit and its source: a section, table or equation of the
paper, or our own choice (docs/decisions.md).
"""

from lung_cxr.parameters.backbones import BackboneParameters
from lung_cxr.parameters.base import Off, ParameterGroup
from lung_cxr.parameters.bundle import BundleParameters
from lung_cxr.parameters.decision_rule import DecisionRuleParameters
from lung_cxr.parameters.ensembles import EnsembleParameters, EnsemblesParameters
from lung_cxr.parameters.evaluate import EvaluateParameters
from lung_cxr.parameters.extraction import ExtractionParameters
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
from lung_cxr.parameters.label_audit import LabelAuditParameters
from lung_cxr.parameters.monitoring import MonitoringParameters
from lung_cxr.parameters.predict import PredictParameters
from lung_cxr.parameters.reidentify import ReidentifyParameters
from lung_cxr.parameters.reporting import GradCamParameters, ReportingParameters
from lung_cxr.parameters.sensitivity import SensitivityParameters
from lung_cxr.parameters.splitting import SplittingParameters
from lung_cxr.parameters.synthetic_hospital import SyntheticDefect, SyntheticHospitalParameters
from lung_cxr.parameters.training import (
    AugmentationParameters,
    FrozenPrefixParameters,
    ReferenceModelParameters,
    Sampling,
    StopPatience,
    TrainingParameters,
)

__all__ = [
    "AugmentationParameters",
    "BackboneParameters",
    "BundleParameters",
    "DecisionRuleParameters",
    "DriftParameters",
    "EmrParameters",
    "EnsembleParameters",
    "EnsemblesParameters",
    "EvaluateParameters",
    "ExtractionParameters",
    "FrozenPrefixParameters",
    "GradCamParameters",
    "Icd10Parameters",
    "IngestionParameters",
    "IngestionReportParameters",
    "KeyRotationParameters",
    "LabelAuditParameters",
    "LogicalColumn",
    "MonitoringParameters",
    "Off",
    "ParameterGroup",
    "PredictParameters",
    "QualityParameters",
    "ReferenceModelParameters",
    "ReidentifyParameters",
    "ReportingParameters",
    "Sampling",
    "SensitivityParameters",
    "SplittingParameters",
    "StandardiseParameters",
    "StopPatience",
    "SyntheticDefect",
    "SyntheticHospitalParameters",
    "TextPolicy",
    "TrainingParameters",
]
