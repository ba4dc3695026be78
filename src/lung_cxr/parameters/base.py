"""Base class and shared types of all parameter groups."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Off:
    """Marks the value at which an optional setting has no effect, as in `Annotated[float, Off(0.0)]`.

    The identity of a run omits settings that are off, so that runs from before the setting existed stay up to date.
    """

    value: Any


class ParameterGroup(BaseModel):
    """A group of settings. Unknown names and values of another type are errors; values cannot be changed.

    A list in YAML is accepted for a tuple, and an integer for a float.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def effective_settings(self) -> dict[str, Any]:
        """Return the settings as JSON values, without those that are off."""
        values = self.model_dump(mode="json")
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if any(isinstance(mark, Off) and mark.value == value for mark in field.metadata):
                del values[name]
            elif isinstance(value, ParameterGroup):
                values[name] = value.effective_settings()
        return values


def check_one_meaning(meanings: Mapping[str, list[str]], normalise: Callable[[str], str]) -> None:
    """Refuse a word or code that is listed under two meanings: one of them would win without a word.

    Args:
        meanings: Meaning → words or codes.
        normalise: Returns the form in which words are compared.

    Raises:
        ValueError: There is such a word.
    """
    found: dict[str, str] = {}
    for meaning, words in meanings.items():
        for word in words:
            if (other := found.setdefault(normalise(word), meaning)) != meaning:
                raise ValueError(f"{word!r} is listed under {other} and {meaning}; expected one of them")
