import click
import pytest
from click.testing import CliRunner

from lung_cxr.run_options import RunOptionsHook


def run(runner="<kedro.runner.sequential_runner.SequentialRunner object>", only_missing_outputs=False, **options):
    """Call the hook within a command; return the error's message."""

    def command(**given):
        RunOptionsHook().before_pipeline_run({"runner": runner, "only_missing_outputs": only_missing_outputs})

    flags = [click.Option([f"--{name}"], is_flag=True) for name in ("is_async",)]
    result = CliRunner().invoke(click.Command("run", callback=command, params=flags), [f"--{name}" for name in options])
    return str(result.exception or "")


@pytest.mark.parametrize("runner", ["None", "SequentialRunner", "<lung_cxr.runners.dask_runner.DaskRunner object>"])
def test_supported_runners_may_run(runner):
    assert run(runner) == ""


@pytest.mark.parametrize("runner", ["ThreadRunner", "<kedro.runner.parallel_runner.ParallelRunner object>"])
def test_other_runners_are_refused_in_one_sentence(runner):
    message = run(runner)
    assert runner in message
    assert "DaskRunner" in message
    assert "\n" not in message


def test_options_that_give_incomplete_results_are_refused():
    assert "--async" in run(is_async=True)
    assert "--only-missing-outputs" in run(only_missing_outputs=True)
    assert run() == ""
