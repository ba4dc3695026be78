"""Parameters of `conf/base/parameters_reporting.yml`."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from lung_cxr.parameters.base import ParameterGroup


class GradCamParameters(ParameterGroup):
    """Grad-CAM maps of the best run of each backbone by validation loss."""

    images_per_class: int = Field(ge=0, le=20, description="most images per class and backbone; 0: no map is made")


class ReportingParameters(ParameterGroup):
    """Statistics and content of the report."""

    title: str
    n_resamples: int = Field(ge=100, description="bootstrap resamples of the test patients")
    confidence: float = Field(gt=0.5, lt=1, description="level of every interval")
    seed: int
    age_bands: list[Annotated[float, Field(gt=0)]] = Field(
        min_length=1, description="lower ends of all age bands but the first, in years, ascending"
    )
    exam_periods: int = Field(ge=2, description="periods with equally many test images, in order of exam day")
    external: str | None = Field(
        description="`external_evaluation.json` of another hospital, or its folder of versions; null: none"
    )
    grad_cam: GradCamParameters

    @property
    def bootstrap(self) -> dict[str, Any]:
        """Return `n_resamples`, `confidence` and `seed` of the bootstrap over patients."""
        return {name: getattr(self, name) for name in ("n_resamples", "confidence", "seed")}

    @model_validator(mode="after")
    def _ascending(self) -> "ReportingParameters":
        if sorted(set(self.age_bands)) != self.age_bands:
            raise ValueError(f"reporting.age_bands: found {self.age_bands}, expected ascending ages without repetition")
        return self
