"""The registered pipelines: one per folder of `pipelines/`, and the two that put them together."""

from kedro.pipeline import Pipeline

from lung_cxr.experiments import DEMO_BACKBONE
from lung_cxr.pipelines import (
    baselines,
    bundle,
    check,
    cross_validation,
    ensembles,
    evaluate,
    extraction,
    ingestion,
    key_rotation,
    label_audit,
    monitoring,
    predict,
    reidentify,
    reporting,
    sensitivity,
    splitting,
    synthetic_hospital,
    training,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline by name.

    `__default__` is the hospital's: ingestion to report, with the runs that the paper compares and without `baselines`,
    `cross_validation`, `ensembles` and `sensitivity`. `demo` puts the synthetic hospital in front and trains one
    backbone. Kedro's `find_pipelines` loads only the folders that a command names, and would miss the parts of `demo`.
    The steps of `__default__` are namespaces, as the backbones are: Kedro-Viz draws each as one box, which opens with a
    click.
    """
    rooms = {
        "synthetic_hospital": synthetic_hospital.create_pipeline(),
        "ingestion": _folded("ingestion", ingestion.create_pipeline()),
        "splitting": _folded("splitting", splitting.create_pipeline()),
        "training": training.create_pipeline(),
        "baselines": baselines.create_pipeline(),
        "cross_validation": cross_validation.create_pipeline(),
        "ensembles": ensembles.create_pipeline(),
        "sensitivity": sensitivity.create_pipeline(),
        "reporting": _folded("reporting", reporting.create_pipeline()),
    }
    catalogue = rooms["ingestion"] + rooms["splitting"]
    demo_training = rooms["training"].only_nodes_with_namespaces([DEMO_BACKBONE])
    return {
        **rooms,
        "extraction": extraction.create_pipeline(),
        "label_audit": label_audit.create_pipeline(),
        "check": check.create_pipeline(),
        "key_rotation": key_rotation.create_pipeline(),
        "predict": predict.create_pipeline(),
        "bundle": bundle.create_pipeline(),
        "evaluate": evaluate.create_pipeline(),
        "monitoring": monitoring.create_pipeline(),
        "reidentify": reidentify.create_pipeline(),
        "__default__": catalogue + rooms["training"] + rooms["reporting"],
        "demo": rooms["synthetic_hospital"] + catalogue + demo_training + rooms["reporting"],
    }


def _folded(name: str, pipeline: Pipeline) -> Pipeline:
    """Put a pipeline's nodes into one namespace; datasets and parameters keep their names."""
    return Pipeline(pipeline, namespace=name, prefix_datasets_with_namespace=False)
