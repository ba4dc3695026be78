"""Settings in `conf/base/parameters_predict.yml`."""

import math
from typing import Annotated, Literal

from pydantic import Field, field_validator

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters.base import ParameterGroup

SUM_TOLERANCE = 0.01  # of stated class shares, which are rounded


class PredictParameters(ParameterGroup):
    """Settings of the prediction of new images."""

    run: str | None = Field(description="folder of a finished run below 06_models; null: an error lists them")
    batch_size: int = Field(ge=1, description="images in memory at a time")
    accept_unknown_view: bool = Field(
        description="predict images whose header states no view, in place of ingestion.accept_unknown_view"
    )
    explain: bool = Field(description="write a Grad-CAM overlay of each image")
    prevalence: Literal["training", "estimated"] | dict[str, Annotated[float, Field(ge=0)]] = Field(
        description="class shares of the new images: as trained, estimated (Saerens et al. 2002), or class name → share"
    )

    @field_validator("prevalence")
    @classmethod
    def _shares(cls, value: str | dict[str, float]) -> str | dict[str, float]:
        if isinstance(value, str):
            return value
        unknown, total = sorted(set(value) - set(DISEASES)), sum(value.values())
        if unknown or not math.isclose(total, 1, abs_tol=SUM_TOLERANCE):
            found = f"unknown classes {', '.join(unknown)}" if unknown else f"shares with sum {total:g}"
            raise ValueError(
                f"predict.prevalence: found {found}; expected training, estimated, or shares with sum 1 of "
                f"{', '.join(DISEASES)}"
            )
        return value
