"""Settings in `conf/base/parameters_splitting.yml`."""

from typing import Annotated

from pydantic import Field, model_validator

from lung_cxr.parameters.base import ParameterGroup


class SplittingParameters(ParameterGroup):
    """Patients to subsets (section III.D: 80/10/10)."""

    seed: int = Field(description="orders patients of equal size")
    fractions: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field(
        description="subset → share of the images of each class"
    )
    workers: int = Field(description="threads that decode images for the pixel arrays; -1: all cores")

    @model_validator(mode="after")
    def _sum_to_one(self) -> "SplittingParameters":
        complete = set(self.fractions) == {"train", "validation", "test"}
        if not complete or abs(sum(self.fractions.values()) - 1) > 1e-9:
            raise ValueError("splitting.fractions: train, validation and test must be given and sum to 1")
        return self
