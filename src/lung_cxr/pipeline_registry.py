"""The registered pipelines: one per folder of `pipelines/`, and the two that put them together."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

from lung_cxr.experiments import DEMO_BACKBONE


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline by name.

    `__default__` is the hospital's: ingestion to report. `demo` puts the synthetic hospital in front and trains one
    backbone.
    """
    pipelines = find_pipelines(raise_errors=True)
    catalogue = pipelines["ingestion"] + pipelines["splitting"]
    demo_training = pipelines["training"].only_nodes_with_namespaces([DEMO_BACKBONE])
    return {
        **pipelines,
        "__default__": catalogue + pipelines["training"] + pipelines["reporting"],
        "demo": pipelines["synthetic_hospital"] + catalogue + demo_training + pipelines["reporting"],
    }
