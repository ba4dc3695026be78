"""Base class and shared types of all parameter groups."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]


class ParameterGroup(BaseModel):
    """A group of settings: unknown names are errors, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
