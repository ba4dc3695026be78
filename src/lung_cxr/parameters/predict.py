"""Settings in `conf/base/parameters_predict.yml`."""

from pydantic import Field

from lung_cxr.parameters.base import ParameterGroup


class PredictParameters(ParameterGroup):
    """Settings of the prediction of new images."""

    run: str | None = Field(description="folder of a finished run below 06_models; null: an error lists them")
    batch_size: int = Field(ge=1, description="images in memory at a time")
    accept_unknown_view: bool = Field(
        description="predict images whose header states no view, in place of ingestion.accept_unknown_view"
    )
