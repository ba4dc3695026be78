"""Settings in `conf/base/parameters_backbones.yml`."""

from pydantic import Field

from lung_cxr.parameters.base import ParameterGroup


class BackboneParameters(ParameterGroup):
    """One ImageNet backbone (section IV.E)."""

    architecture: str = Field(description="row of models/backbones.py")
    size: int = Field(ge=32, description="side of the square input, pixels")
    weights: str | None = Field(description="imagenet | a path | auto, demo (demo only) | null (random)")
    top_layers: int = Field(ge=0, description="n of Table 3: Keras layers that traditional fine-tuning unfreezes")
    options: dict[str, float] = Field(description="further arguments of the keras.applications constructor")
