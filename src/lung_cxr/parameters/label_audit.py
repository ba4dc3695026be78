"""Settings in `conf/base/parameters_label_audit.yml`."""

from pydantic import Field, field_validator

from lung_cxr.models.backbones import BACKBONES
from lung_cxr.parameters.base import ParameterGroup
from lung_cxr.parameters.training import ReferenceModelParameters


class LabelAuditParameters(ParameterGroup):
    """Search for label errors."""

    backbone: str = Field(description="backbone of the frozen features")
    classifier: ReferenceModelParameters = Field(description="logistic regression on these features")
    folds: int = Field(ge=3, description="folds of the patients: one is predicted, one validates, the others train")
    seed: int = Field(ge=0, description="seed of the folds")
    max_suspects: int = Field(ge=0, description="maximum number of images that are listed and shown for review")

    @field_validator("backbone")
    @classmethod
    def _is_known(cls, backbone: str) -> str:
        if backbone not in BACKBONES:
            raise ValueError(f"found {backbone!r}; expected one of {', '.join(BACKBONES)}")
        return backbone
