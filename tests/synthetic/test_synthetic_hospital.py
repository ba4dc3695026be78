"""The pipeline around the hospital."""

from lung_cxr.pipelines.synthetic_hospital import create_pipeline
from lung_cxr.pipelines.synthetic_hospital.nodes import write_exports
from lung_cxr.synthetic.hospital.exams import EXPORTS
from lung_cxr.synthetic.hospital.write_exports import MARKER


def test_the_pipeline_is_one_step_from_parameters_to_truth():
    pipeline = create_pipeline()
    assert pipeline.inputs() == {"exports_folder", "params:synthetic_hospital"}
    assert pipeline.outputs() == {"raw_exports", "planted_truth"}


def test_the_node_writes_the_exports_and_returns_the_truth(tmp_path, parameters):
    names, truth = write_exports(tmp_path, parameters)
    assert names == sorted(EXPORTS)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(EXPORTS)
    assert all((tmp_path / export / MARKER).is_file() for export in EXPORTS)
    assert {"export", "row", "image_path", "patient_id", "label", "defect", "burned_in"} <= set(truth.columns)
