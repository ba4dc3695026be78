"""Settings in `conf/base/parameters_reporting.yml`."""

from typing import Annotated

from pydantic import Field, model_validator

from lung_cxr.parameters.base import ParameterGroup


class GradCamParameters(ParameterGroup):
    """Where in test images the best run of each backbone saw what it said."""

    images_per_class: int = Field(ge=0, le=20, description="of each class and backbone at most; 0: no model is loaded")


class ReportingParameters(ParameterGroup):
    """How results are summarised (DESIGN §12)."""

    title: str
    bootstrap_draws: int = Field(ge=100, description="resamples of test patients")
    confidence: float = Field(gt=0.5, lt=1, description="of every interval")
    seed: int
    age_bands: list[Annotated[float, Field(gt=0)]] = Field(
        min_length=1, description="lower ends of all age bands but the first, years, rising"
    )
    exam_parts: int = Field(ge=2, description="equal parts of the test images in the order of their exam days")
    conformal_coverage: float = Field(gt=0, lt=1, description="share of images whose prediction set holds the truth")
    target_accuracy: float = Field(gt=0, lt=1, description="of the images that a run answers when it may abstain")
    external: str | None = Field(
        description="Parquet file of predictions of an external test set (`contracts.external_predictions`); null: none"
    )
    grad_cam: GradCamParameters

    @model_validator(mode="after")
    def _rising(self) -> "ReportingParameters":
        if sorted(set(self.age_bands)) != self.age_bands:
            raise ValueError(f"reporting.age_bands: found {self.age_bands}, expected rising ages, each once")
        return self
