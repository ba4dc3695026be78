"""The MLflow store of a data folder: SQLite and a folder of artifacts, without a server and without telemetry."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

DATABASE, ARTIFACTS = "mlflow.db", "mlflow_artifacts"  # below the data folder
EXPERIMENT = MODEL_NAME = "lung_cxr"  # MLflow's experiment, and the name in its registry
VIEW = {"mlflow.experimentKind": "custom_model_development"}  # the page opens on the runs, not on language models
REGISTRY = "models:/"  # beginning of the address of a registered model
RUN, MODEL_SHA256 = "run", "model_sha256"  # tags: folder of the run below 06_models, and its model


class NoTrackingError(RuntimeError):
    """MLflow is not installed, or it knows no such model."""


def is_installed() -> bool:
    """Return whether MLflow is installed."""
    return find_spec("mlflow") is not None


def open_store(data: Path) -> Any:
    """Return the `MlflowClient` of a data folder; the first call creates the database, which takes seconds.

    The client, in contrast to MLflow's own functions, records neither user nor script.

    Args:
        data: Folder with `06_models`.
    """
    for switch in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ[switch] = "true"
    from mlflow import MlflowClient

    address = f"sqlite:///{(data / DATABASE).resolve()}"
    return MlflowClient(tracking_uri=address, registry_uri=address)


def experiment_of(client: Any, data: Path) -> str:
    """Return the id of the experiment, created if it is missing."""
    known = client.get_experiment_by_name(EXPERIMENT)
    if known:
        return known.experiment_id
    return client.create_experiment(EXPERIMENT, (data / ARTIFACTS).resolve().as_uri(), tags=VIEW)


def run_of_model(address: str, data: Path) -> str:
    """Return the run of a registered model, a folder below 06_models.

    Args:
        address: `models:/lung_cxr@<alias>`, for example `models:/lung_cxr@champion`.
        data: Folder with `06_models`.

    Raises:
        NoTrackingError: MLflow is not installed, or no model has this alias.
    """
    if not is_installed():
        raise NoTrackingError(
            f"found {address}, but MLflow is not installed; expected the extra `tracking`: pip install -e '.[tracking]'"
        )
    name, _, alias = address.removeprefix(REGISTRY).partition("@")
    client = open_store(data)
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_model_version_by_alias(name, alias).tags[RUN])
    except (MlflowException, KeyError):
        raise NoTrackingError(
            f"found {address}, but no registered model has this alias; expected for example "
            f"models:/{MODEL_NAME}@champion. Set the alias of a version in `mlflow ui`, Models"
        ) from None
