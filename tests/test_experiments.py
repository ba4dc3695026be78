from lung_cxr.experiments import BACKBONES, RUNS, STRATEGIES


def test_the_grid_is_every_backbone_with_every_strategy():
    assert len(RUNS) == len(BACKBONES) * len(STRATEGIES) == 14
    assert len({run.namespace for run in RUNS}) == 14


def test_results_have_a_name_without_dots_so_that_other_pipelines_may_use_it():
    assert all("." not in run.results for run in RUNS)
