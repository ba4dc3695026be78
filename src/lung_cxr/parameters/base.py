"""Base class and shared types of all parameter groups."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]


class ParameterGroup(BaseModel):
    """A group of settings. Unknown names and values of another type are errors; values cannot be changed.

    A list in YAML is accepted for a tuple, and an integer for a float.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
