"""Settings in `conf/base/parameters_sensitivity.yml`."""

from typing import Annotated

from pydantic import Field, model_validator

from lung_cxr.models.backbones import BACKBONES
from lung_cxr.parameters.base import ParameterGroup


class SensitivityParameters(ParameterGroup):
    """Grid of the sensitivity analysis (section III.F; IV.G for the depth of traditional fine-tuning)."""

    backbones: list[str] = Field(description="backbones to train; the other backbones are skipped")
    patience: list[Annotated[int, Field(ge=1)]] = Field(description="p (III.F: 3, 5, 7, 10)")
    step: list[Annotated[int, Field(ge=1)]] = Field(description="k (III.F: 1, 3, 5, 7)")
    decay: list[Annotated[float, Field(ge=0, lt=1)]] = Field(
        description="of the learning rate (III.F: 0.1, 0.3, 0.5, 0.7); every p × k × decay, at the n of training"
    )
    max_epochs: list[Annotated[int, Field(ge=1)]] = Field(
        description="n, at p, k and decay of strategies.dynamic (III.F: 50, 75, 100, 125 epochs)"
    )
    depths: list[Annotated[int, Field(ge=0)]] = Field(
        description="depths of traditional fine-tuning in layer groups, as in its search_depths"
    )

    @model_validator(mode="after")
    def _known(self) -> "SensitivityParameters":
        unknown = sorted(set(self.backbones) - set(BACKBONES))
        if unknown:
            raise ValueError(
                f"sensitivity.backbones: {', '.join(unknown)} unknown; expected some of {', '.join(BACKBONES)}"
            )
        return self
