from lung_cxr.experiments import BACKBONES, BASELINE_RUNS, BASELINES, GRID, RUNS, STRATEGIES


def test_the_grid_is_every_backbone_with_every_strategy():
    assert len(RUNS) == len(BACKBONES) * len(STRATEGIES) == 14
    assert len(BASELINE_RUNS) == len(BACKBONES) * len(BASELINES) == 28
    assert len({run.namespace for run in GRID}) == 42
    assert set(GRID) == {*RUNS, *BASELINE_RUNS}


def test_results_have_a_name_without_dots_so_that_other_pipelines_may_use_it():
    assert all("." not in run.results for run in GRID)
