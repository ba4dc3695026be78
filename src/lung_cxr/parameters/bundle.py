"""Settings in `conf/base/parameters_bundle.yml`."""

from pydantic import Field

from lung_cxr.parameters.base import ParameterGroup


class BundleParameters(ParameterGroup):
    """Settings of the bundle of a trained run."""

    run: str | None = Field(description="folder of a finished run below 06_models; null: an error lists them")
    max_difference: float = Field(
        gt=0, description="largest difference of a test image's probability from the model's; above it no bundle"
    )
