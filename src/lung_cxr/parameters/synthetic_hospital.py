"""Settings in `conf/base/parameters_synthetic_hospital.yml`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters.base import Fraction, ParameterGroup

SyntheticDefect = Literal[
    "blank",
    "blurred",
    "corrupt",
    "duplicate",
    "inverted",
    "lateral",
    "lateral_untagged",
    "missing_file",
    "near_duplicate",
    "not_a_chest",
    "rotated",
    "small",
    "strip",
    "too_bright",
    "too_dark",
    "truncated",
    "wrong_code",
]


class SyntheticHospitalParameters(ParameterGroup):
    """Settings of the synthetic hospital: its size, and the number of planted defects."""

    seed: int = Field(description="seed of all random numbers")
    patients: int = Field(ge=7, description="patients in both exports together")
    side: int = Field(ge=128, description="longer side of a radiograph, pixels")
    returning_fraction: Fraction = Field(description="share of the first export's patients who return in the second")
    class_counts: dict[str, int] = Field(description="images of each class, as proportions (Table 1)")
    minimum_patients_per_class: int = Field(
        ge=1, description="minimum for each class, so that a small hospital has all classes"
    )
    defects: dict[SyntheticDefect, Annotated[int, Field(ge=0)]] = Field(description="planted defects of each kind")
    burned_in_fraction: Fraction = Field(description="images with a name burned into the pixels")
    workers: int = Field(description="number of drawing processes; -1: all cores")

    @model_validator(mode="after")
    def _fits(self) -> "SyntheticHospitalParameters":
        if sorted(self.class_counts) != sorted(DISEASES):
            raise ValueError(f"synthetic_hospital.class_counts: expected exactly the classes {', '.join(DISEASES)}")
        if self.patients < self.minimum_patients_per_class * len(DISEASES):
            raise ValueError(
                f"synthetic_hospital.patients: {self.patients} are too few for {self.minimum_patients_per_class} of "
                f"each of {len(DISEASES)} classes; raise patients or lower minimum_patients_per_class"
            )
        return self
