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
    folds: int | None = Field(
        ge=2, description="cross-validation by patient: rotates validation within train and validation; null: none"
    )
    outer_folds: int | None = Field(
        ge=3, description="cross-validation by patient: rotates test and validation over all patients; null: none"
    )
    workers: int = Field(description="threads that decode images for the pixel arrays; -1: all cores")

    @model_validator(mode="after")
    def _sum_to_one(self) -> "SplittingParameters":
        complete = set(self.fractions) == {"train", "validation", "test"}
        if not complete or abs(sum(self.fractions.values()) - 1) > 1e-9:
            raise ValueError("splitting.fractions: train, validation and test must be given and sum to 1")
        return self

    @model_validator(mode="after")
    def _one_kind_of_folds(self) -> "SplittingParameters":
        if self.folds is not None and self.outer_folds is not None:
            raise ValueError("splitting.folds and splitting.outer_folds are both set; set one of them to null")
        return self

    @property
    def n_folds(self) -> int | None:
        """Number of folds; None without cross-validation."""
        return self.folds or self.outer_folds
