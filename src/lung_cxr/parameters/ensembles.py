"""Settings in `conf/base/parameters_ensembles.yml`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, RootModel

from lung_cxr.parameters.base import ParameterGroup


class EnsembleParameters(ParameterGroup):
    """One ensemble of finished runs."""

    combine: Literal["mean", "greedy_soup"] = Field(
        description="mean of the probabilities, or of the weights of runs of one backbone (Wortsman et al. 2022)"
    )
    runs: list[str] = Field(min_length=1, description="folders below 06_models; * stands for any part of a name")
    flips: bool = Field(
        description="average over each image and its mirror image; the heart is not symmetric, so off unless measured"
    )


class EnsemblesParameters(RootModel[dict[Annotated[str, Field(pattern=r"^[\w-]+$")], EnsembleParameters]]):
    """Name → ensemble."""

    model_config = ConfigDict(frozen=True)
