"""Project settings: how configuration is merged and which hooks listen."""

import os

from kedro.config import OmegaConfigLoader

from lung_cxr.hooks import FailedRunsHook, RefreshReportHook, ReportHook, SolePredictionHook, SoleWriterHook


def environment_variable(name: str, default: str = "") -> str:
    """Value of an environment variable, for `${env:NAME}` or `${env:NAME,default}` in conf/; "" where it is not set."""
    return os.environ.get(name) or default


HOOKS = (SoleWriterHook(), SolePredictionHook(), RefreshReportHook(), ReportHook(), FailedRunsHook())
CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft", "globals": "soft"},  # an environment states only what differs
    "custom_resolvers": {"env": environment_variable},
}
