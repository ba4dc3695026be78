"""Settings in `conf/base/parameters_evaluate.yml`."""

from pydantic import Field, model_validator

from lung_cxr.parameters.base import ParameterGroup


class EvaluateParameters(ParameterGroup):
    """Settings of the external validation."""

    title: str = Field(description="title of the page")
    run: str | list[str] | None = Field(
        description="folders of finished runs below 06_models of `training_site`; null: an error lists them"
    )
    bundle: str | None = Field(
        description="folder of a bundle, in the place of `run`; nothing of `training_site` is then needed"
    )
    batch_size: int = Field(ge=1, description="images in memory at a time")

    @model_validator(mode="after")
    def _run_or_bundle(self) -> "EvaluateParameters":
        if self.run and self.bundle:
            raise ValueError(
                "evaluate.run and evaluate.bundle are both set; expected one of them. Set the other one to null, e.g. "
                "`--params evaluate.bundle=<folder>,evaluate.run=null`"
            )
        return self

    @property
    def runs(self) -> list[str | None]:
        """Return the runs as a list, each once."""
        named = self.run if isinstance(self.run, list) and self.run else [self.run]
        return list(dict.fromkeys(named))  # type: ignore[arg-type]
