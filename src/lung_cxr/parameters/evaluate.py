"""Settings in `conf/base/parameters_evaluate.yml`."""

from pydantic import Field

from lung_cxr.parameters.base import ParameterGroup


class EvaluateParameters(ParameterGroup):
    """Settings of the external validation."""

    title: str = Field(description="title of the page")
    run: str | list[str] | None = Field(
        description="folders of finished runs below 06_models of `training_site`; null: an error lists them"
    )
    batch_size: int = Field(ge=1, description="images in memory at a time")

    @property
    def runs(self) -> list[str | None]:
        """Return the runs as a list, each once."""
        named = self.run if isinstance(self.run, list) and self.run else [self.run]
        return list(dict.fromkeys(named))  # type: ignore[arg-type]
