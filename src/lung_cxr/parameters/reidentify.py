"""Settings in `conf/base/parameters_reidentify.yml`."""

from pydantic import Field

from lung_cxr.parameters.base import ParameterGroup


class ReidentifyParameters(ParameterGroup):
    """The way back from images to rows."""

    images: str | None = Field(description="text file with image keys, for example a CSV; null: an error")
