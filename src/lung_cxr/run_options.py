"""Options of `kedro run` that this project cannot follow: refused before the first node."""

from typing import Any

import click
from kedro.framework.hooks import hook_impl

SUPPORTED_RUNNERS = ("SequentialRunner", "DaskRunner")


class RunOptionsHook:
    """Refuses runners and options under which results would be wrong or incomplete."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Check runner and options of the command.

        Raises:
            ValueError: An option is not supported.
        """
        command = click.get_current_context(silent=True)
        options = command.params if command else {}
        runner = str(options.get("runner") or run_params["runner"])
        if runner != "None" and not any(name in runner for name in SUPPORTED_RUNNERS):
            raise ValueError(
                f"found the runner {runner}, expected {' or '.join(SUPPORTED_RUNNERS)}: Keras has one global state per "
                "process, and nodes share locked folders. Use `--runner lung_cxr.runners.DaskRunner` for parallel runs"
            )
        if options.get("is_async"):
            raise ValueError("--async is not supported: nodes save their own results in order. Leave the option out")
        if run_params.get("only_missing_outputs"):
            raise ValueError(
                "--only-missing-outputs is not supported: it would keep outputs of changed parameters. Leave it out; "
                "work that is up to date is skipped anyway"
            )
