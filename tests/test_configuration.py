"""The configuration is code: these tests read conf/ as Kedro would and hold it against the rules of the design."""

import inspect
import warnings
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog
from kedro_datasets.pandas import CSVDataset

from lung_cxr import parameters as groups
from lung_cxr import pipelines as pipeline_folders
from lung_cxr.experiments import (
    BACKBONES,
    BASELINE_RUNS,
    BASELINES,
    FURTHER_REFERENCE_RUNS,
    LOGISTIC_REGRESSION,
    REFERENCE_MODELS,
    RUNS,
    STRATEGIES,
)
from lung_cxr.settings import CONFIG_LOADER_ARGS
from lung_cxr.training.strategies.registry import STRATEGIES as ALL_STRATEGIES
from lung_cxr.training.strategies.registry import StrategyParameters

ENVIRONMENTS = ("base", "demo", "public_cxr", "site_b", "test")
STEPS = {"ingestion", "splitting", "reporting"}  # of the default pipeline, beside the backbones
TRAINING = {*(run.namespace for run in RUNS), *(f"{backbone}.{LOGISTIC_REGRESSION}" for backbone in BACKBONES)}
PREVIEWED = {  # by Kedro-Viz: counts, tables and figures in which nobody has a row
    *("withdrawals", "refresh_counts", "fault_check", "ingestion_summary", "refresh_report", "reported_counts"),
    *("leak_check", "pixel_arrays", "table1_distribution", "withdrawal_report"),
    *("table2_augmentation", "table3_traditional", "table4_dynamic", "table5_methods", "table_strategies"),
    *("cross_validation_results", "cross_validation_tests"),
    *("comparison", "figure_{name}", "sensitivity_table"),
}


@pytest.fixture(scope="module", autouse=True)
def _public_folders(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("LUNG_CXR_PUBLIC_ROOT", "LUNG_CXR_WEIGHTS"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable)))
        yield


@pytest.fixture(scope="module")
def pipelines(project):
    configure_project("lung_cxr")
    from lung_cxr.pipeline_registry import register_pipelines

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Kedro warns of dotted names and lost parameters
        return register_pipelines()


@pytest.fixture(scope="module")
def config(project):
    def of(environment: str) -> OmegaConfigLoader:
        # anew each time: the loader made last owns `${globals:…}` in this process
        return OmegaConfigLoader(conf_source=str(project / "conf"), env=environment, **CONFIG_LOADER_ARGS)

    return of


@pytest.fixture(scope="module")
def catalogue(config):
    return lambda environment: DataCatalog.from_config(config(environment)["catalog"])


def _persistent_names(pipelines):
    chosen = ("__default__", "demo", "baselines", "cross_validation", "sensitivity", "ensembles", "predict", "check")
    chosen += ("evaluate", "extraction", "label_audit", "monitoring")
    names = set().union(*(pipelines[name].datasets() for name in chosen))
    return sorted(name for name in names if not name.startswith("params:") and name != "parameters")


def test_the_promised_pipelines_are_registered(pipelines):
    assert {
        "__default__",
        "demo",
        "synthetic_hospital",
        "ingestion",
        "splitting",
        "training",
        "baselines",
        "sensitivity",
        "reporting",
        "predict",
    } <= set(pipelines)


def test_the_default_pipeline_never_draws_a_synthetic_hospital(pipelines):
    assert "planted_truth" in pipelines["demo"].all_outputs()
    assert "planted_truth" not in pipelines["__default__"].datasets()


def test_the_demo_trains_one_backbone(pipelines):
    namespaces = {node.namespace for node in pipelines["demo"].nodes if node.namespace}
    assert namespaces - STEPS == {f"mobilenet.{name}" for name in (*STRATEGIES, LOGISTIC_REGRESSION)}


def test_every_run_of_the_grid_is_a_namespace(pipelines):
    baselines = {run.namespace for run in BASELINE_RUNS + FURTHER_REFERENCE_RUNS}
    for name, expected in (("training", TRAINING), ("baselines", baselines)):
        assert {node.namespace for node in pipelines[name].nodes if node.namespace} == expected


def test_the_default_pipeline_trains_what_the_paper_compares_and_nothing_else(pipelines):
    assert {node.namespace for node in pipelines["__default__"].nodes} - STEPS == TRAINING


def test_folded_kedro_viz_has_a_box_for_every_step_and_every_backbone(pipelines):
    boxes = {node.namespace.split(".")[0] for node in pipelines["__default__"].nodes}
    assert boxes == {*STEPS, *BACKBONES}
    for step in STEPS:
        assert {node.namespace for node in pipelines[step].nodes} == {step}
        assert [name for name in pipelines[step].datasets() if name.startswith(f"{step}.")] == []


def test_reporting_waits_for_the_baselines_of_the_same_command_through_one_entry(pipelines):
    assert pipelines["baselines"].outputs() & pipelines["reporting"].inputs() == {"baseline_runs"}
    assert not pipelines["reporting"].inputs() & {run.results for run in BASELINE_RUNS}


def test_the_label_audit_runs_in_one_command_with_a_refresh_and_its_page_is_the_last(pipelines, config):
    command = pipelines["ingestion"] + pipelines["splitting"] + pipelines["label_audit"]
    before = command.to_outputs("audited_review_page").nodes
    assert "review_page" in {output for node in before for output in node.outputs}
    entries = config("base")["catalog"]
    assert entries["audited_review_page"]["filepath"] == entries["review_page"]["filepath"]


def test_a_training_namespace_needs_only_what_other_pipelines_persist(pipelines):
    made_elsewhere = (pipelines["ingestion"] + pipelines["splitting"]).all_outputs()
    run = pipelines["training"].only_nodes_with_namespaces(["mobilenet.dynamic"])
    needed = {name for name in run.inputs() if not name.startswith("params:")}
    folders = {name for name in needed if name.endswith("_folder")}
    assert needed - folders <= made_elsewhere


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_dataset_lives_in_memory_only(pipelines, catalogue, environment):
    resolved = catalogue(environment)
    missing = [name for name in _persistent_names(pipelines) if name not in resolved]
    assert missing == []


@pytest.mark.parametrize("environment", ["demo", "public_cxr", "site_b", "test"])
def test_every_path_begins_with_the_roots_of_its_environment(pipelines, catalogue, config, environment):
    roots = config(environment)["globals"]
    allowed = [*(roots[key].strip("/") for key in ("root", "exports", "training_site")), "conf/local/credentials.yml"]
    resolved = catalogue(environment)
    for name in _persistent_names(pipelines):
        described = resolved.get(name)._describe()
        if "queries" in described:  # of a database
            continue
        path = str(described.get("filepath", described.get("dataset")))
        assert any(root in path for root in allowed), f"{name} of {environment}: {path}"


def test_a_previous_entry_reads_the_path_its_namesake_writes(config):
    entries = config("base")["catalog"]
    previous = {name: entry for name, entry in entries.items() if name.startswith("previous_")}
    assert previous
    for name, entry in previous.items():
        now = entries[name.removeprefix("previous_")]
        now = now.get("dataset", now)
        assert (entry["dataset"]["type"], entry["dataset"]["filepath"]) == (now["type"], now["filepath"])


def test_no_entry_asks_for_credentials(config):
    """A store's come from the environment: an entry that named them would fail every pipeline and viz without them."""
    assert [name for name, entry in config("base")["catalog"].items() if "credentials" in entry] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_result_has_a_layer_and_nothing_patient_level_is_previewed(config, environment):
    """Folders and what an earlier run left behind have no layer: as inputs, they would make a circle of the layers."""
    entries = config(environment)["catalog"]
    assert set(entries) >= PREVIEWED
    for name, entry in entries.items():
        viz = entry["metadata"]["kedro-viz"]
        is_state = entry["type"].endswith("FolderDataset") or name.startswith("previous_")
        assert ("layer" in viz) != is_state, name
        assert viz.get("preview") is (None if name in PREVIEWED else False), name


def test_every_dataset_of_every_pipeline_has_its_layer_and_preview_through_the_patterns_too(pipelines, catalogue):
    resolved = catalogue("base")
    for name in _persistent_names(pipelines):
        dataset = resolved.get(name)
        viz = dataset.metadata["kedro-viz"]
        assert viz.get("preview") is False or hasattr(dataset, "preview"), name
        assert "layer" in viz or viz["preview"] is False, name
        if isinstance(dataset, CSVDataset) and "preview" not in viz:
            assert viz["preview_args"]["nrows"] > len(RUNS + BASELINE_RUNS), f"{name} would be cut"


def test_layers_follow_each_other_without_a_circle(pipelines, catalogue):
    resolved = catalogue("base")

    def layer(name: str) -> str | None:
        metadata = getattr(resolved.get(name), "metadata", None) or {} if "params:" not in name else {}
        return metadata.get("kedro-viz", {}).get("layer")

    before = {}
    for node in (pipelines["demo"] + pipelines["predict"]).nodes:
        for after in filter(None, map(layer, node.outputs)):
            before.setdefault(after, set()).update({layer(name) for name in node.inputs} - {after, None})
    order = list(TopologicalSorter(before).static_order())
    assert order == ["raw", "intermediate", "primary", "model_input", "model_output", "reporting"]


def test_no_validator_quotes_a_value_of_a_table_with_identifiers(config):
    for name, entry in config("base")["catalog"].items():
        if "01_raw" in str(entry.get("filepath", "")) or name == "raw_exports":
            assert "validator" not in entry, name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_parameter_group_of_every_environment_is_valid(config, environment):
    values = config(environment)["parameters"]
    expected = {
        "synthetic_hospital": groups.SyntheticHospitalParameters,
        "emr": groups.EmrParameters,
        "icd10": groups.Icd10Parameters,
        "ingestion": groups.IngestionParameters,
        "ingestion_report": groups.IngestionReportParameters,
        "key_rotation": groups.KeyRotationParameters,
        "predict": groups.PredictParameters,
        "bundle": groups.BundleParameters,
        "extraction": groups.ExtractionParameters,
        "evaluate": groups.EvaluateParameters,
        "label_audit": groups.LabelAuditParameters,
        "monitoring": groups.MonitoringParameters,
        "reidentify": groups.ReidentifyParameters,
        "splitting": groups.SplittingParameters,
        "training": groups.TrainingParameters,
        "sensitivity": groups.SensitivityParameters,
        "ensembles": groups.EnsemblesParameters,
        "reporting": groups.ReportingParameters,
    }
    assert set(values) == {*expected, "backbones", "strategies", "reference_models"}
    for name, model in expected.items():
        model.model_validate(values[name])
    assert set(values["backbones"]) == {*BACKBONES}
    assert set(values["strategies"]) == {*STRATEGIES, *BASELINES}
    assert set(values["reference_models"]) == {*REFERENCE_MODELS}
    for name, reference in values["reference_models"].items():
        assert groups.ReferenceModelParameters.model_validate(reference).kind == name
    for name, backbone in values["backbones"].items():
        assert groups.BackboneParameters.model_validate(backbone).architecture == name
    for name, strategy in values["strategies"].items():
        assert StrategyParameters.model_validate(strategy).root.kind == name


def test_text_is_looked_for_unless_it_is_turned_off(config):
    policies = {env: config(env)["parameters"]["ingestion"]["burned_in_text"] for env in ENVIRONMENTS}
    assert policies.pop("test") is False  # YAML 1.1's `off`
    assert set(policies.values()) == {"redact"}
    values = config("test")["parameters"]["ingestion"]
    assert groups.IngestionParameters.model_validate(values).burned_in_text == "off"


def test_the_base_settings_are_the_papers(config):
    """Sections III.D, III.F; Eq. 12; Tables 2 and 3."""
    values = config("base")["parameters"]
    assert values["strategies"]["dynamic"] == {
        "kind": "dynamic", "patience": 5, "step": 3, "decay": 0.1, "at_full_depth": "stop",
        "backbone_rate": 1, "layer_decay": 1, "warmup_steps": 0, "head_start": "none", "average_with_head": False,
    }  # fmt: skip
    sensitivity = values["sensitivity"]
    assert (list(sensitivity["patience"]), list(sensitivity["step"])) == ([3, 5, 7, 10], [1, 3, 5, 7])
    assert (list(sensitivity["decay"]), list(sensitivity["max_epochs"])) == ([0.1, 0.3, 0.5, 0.7], [50, 75, 100, 125])
    training = values["training"]
    assert (training["max_epochs"], training["sampling"], training["loss_weights"]) == (
        100,
        "balanced",
        "inverse_frequency",
    )
    augmentation = training["augmentation"]
    assert augmentation["rotation"] == 10
    assert list(augmentation["brightness"]) == [0.8, 1.2]
    assert list(augmentation["contrast"]) == [0.9, 1.1]
    assert {name: entry["top_layers"] for name, entry in values["backbones"].items()}.items() >= {
        "xception": 70, "densenet121": 174, "efficientnetv2s": 260, "inceptionv3": 159,
        "mobilenet": 29, "resnet50": 5, "vgg16": 10,
    }.items()  # fmt: skip
    assert dict(values["splitting"]["fractions"]) == {"train": 0.8, "validation": 0.1, "test": 0.1}
    assert values["ingestion"]["standardise"]["side"] == 1024


MAX_LISTED_INPUTS = 4  # of a node; a longer list is easy to misorder, so it becomes a dictionary
NOT_YET_CONVERTED = ("reporting", "sensitivity")
CONVERTED = sorted(
    {path.parent.name for path in Path(pipeline_folders.__file__).parent.glob("*/pipeline.py")} - {*NOT_YET_CONVERTED}
)


def _parameter_name(dataset: str) -> str:
    """`split` → `split`, `params:emr` → `emr`, `params:backbones.vgg16` → `backbone`, `params:strategies.x` → `x`."""
    group, _, member = dataset.removeprefix("params:").rpartition(".")
    return "backbone" if group == "backbones" else member


def _node_inputs(node) -> dict[str, str]:
    """Return function's parameter → dataset; of `**runs`, each run by its own name."""
    if isinstance(node._inputs, dict):
        return node._inputs
    return dict(zip(inspect.signature(node.func).parameters, node.inputs, strict=False))


@pytest.mark.parametrize("name", CONVERTED)
def test_node_inputs_are_named_like_their_datasets(pipelines, name):
    """A leading underscore marks an input that only orders nodes; ruff (ARG001) finds an unused input without one."""
    for node in pipelines[name].nodes:
        assert isinstance(node._inputs, dict) or len(node.inputs) <= MAX_LISTED_INPUTS, node.name
        for parameter, dataset in _node_inputs(node).items():
            member = {"strategies": "strategy", "reference_models": "reference"}
            group = dataset.removeprefix("params:").partition(".")[0]
            expected = {_parameter_name(dataset), member.get(group)}
            assert parameter.removeprefix("_") in expected, f"{node.name}: {parameter} = {dataset}"


def _fields(model: type[groups.ParameterGroup]):
    for name, field in model.model_fields.items():
        yield f"{model.__name__}.{name}", field


def test_no_parameter_has_a_default_in_python():
    """Values live in conf/, so that there is one place to look."""
    models = [
        value for value in vars(groups).values() if isinstance(value, type) and issubclass(value, groups.ParameterGroup)
    ] + [strategy.parameters_type for strategy in ALL_STRATEGIES.values()]
    with_default = [path for model in models for path, field in _fields(model) if not field.is_required()]
    assert with_default == []
    assert groups.ParameterGroup.model_config["extra"] == "forbid"


def test_telemetry_is_off(project):
    assert (project / ".telemetry").read_text() == "consent: false\n"


def test_the_lock_is_pinned_hashed_and_names_no_index(project):
    lock = (project / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--index-url" not in lock
    assert "--find-links" not in lock
    requirements = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert all("==" in line for line in requirements)
    assert lock.count("--hash=sha256:") >= len(requirements)


def test_the_typed_parameters_of_all_pipelines_fit_together(project):
    """Kedro refuses types for a group and for a part of it: `kedro run` of all pipelines would stop."""
    configure_project("lung_cxr")
    with KedroSession.create(project_path=project, env="test") as session:
        parameters = session.load_context().params
    assert isinstance(parameters["training"], groups.TrainingParameters)
