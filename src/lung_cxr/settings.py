"""Kedro settings of the project: merge strategy of the configuration, resolvers and hooks."""

import os

from lung_cxr.audit_hook import AuditHook
from lung_cxr.command_errors import CommandErrorHook
from lung_cxr.config_loader import ExperimentConfigLoader, subfolder
from lung_cxr.file_access import FileAccessHook
from lung_cxr.hooks import CatalogueLockHook, PredictionLockHook
from lung_cxr.report_hooks import CheckReportHook, RefreshReportHook, ReportHook
from lung_cxr.run_options import RunOptionsHook
from lung_cxr.step_hook import StepHook
from lung_cxr.tensorflow_start import quiet_tensorflow
from lung_cxr.tracking_hook import TrackingHook
from lung_cxr.training_hooks import FailedRunsHook, RunSummaryHook


def environment_variable(name: str, default: str = "") -> str:
    """Return an environment variable for `${env:NAME}` or `${env:NAME,default}` in conf/; "" if it is not set."""
    return os.environ.get(name) or default


quiet_tensorflow()

HOOKS = (
    FileAccessHook(),
    AuditHook(),  # its start comes after the lock: hooks run in reverse order
    CatalogueLockHook(),
    PredictionLockHook(),
    ReportHook(),  # prints last: hooks run in reverse order
    RefreshReportHook(),
    CheckReportHook(),
    RunSummaryHook(),
    TrackingHook(),
    StepHook(),
    FailedRunsHook(),
    RunOptionsHook(),
    CommandErrorHook(),
)
CONFIG_LOADER_CLASS = ExperimentConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft", "globals": "soft"},  # an environment states only its differences
    "custom_resolvers": {"env": environment_variable, "subfolder": subfolder},
}
