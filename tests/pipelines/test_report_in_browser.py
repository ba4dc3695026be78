"""Both pages in headless Chromium: quiet console, whole images, nothing fetched, no sideways scrolling."""

from datetime import UTC, datetime

import pytest

from blank_pictures import draw_no_pictures
from lung_cxr.experiments import BACKBONES, RUNS, Run
from lung_cxr.report.page import render_report
from made_up_refresh import made_up_catalogue
from made_up_refresh import made_up_page as made_up_refresh_page
from made_up_runs import failed_run, made_up_grid, made_up_predictions, made_up_sources, made_up_split


def made_up_page(runs, seeds):
    split = made_up_split(images=300)
    grid = made_up_grid(split, runs, seeds)
    if runs:
        grid[Run("vgg16", "dynamic")] = [failed_run(Run("vgg16", "dynamic"))]
    references = {
        Run(run.backbone, "logistic_regression"): made_up_predictions(split, seed=1, skill=1.0) for run in runs
    }
    return render_report(made_up_sources(grid, split, references=references), "A report", datetime.now(UTC))


@pytest.fixture(scope="module", params=["no run", "one backbone", "the grid"])
def url(request, tmp_path_factory):
    runs, seeds = {"no run": ([], [1]), "one backbone": (RUNS[8:10], [1]), "the grid": (RUNS, [1, 2])}[request.param]
    path = tmp_path_factory.mktemp("report") / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "the grid":  # more of the pictures that "one backbone" has
            draw_no_pictures(patch)
        path.write_text(made_up_page(runs, seeds), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def refresh_url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refresh")
    (folder / "refresh_report.html").write_text(made_up_refresh_page(made_up_catalogue(folder)), encoding="utf-8")
    return (folder / "refresh_report.html").as_uri()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_whole_and_quiet_at_both_widths(browser, url, width):
    is_whole_and_quiet(browser, url, width)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_refresh_report_is_whole_and_quiet_at_both_widths(browser, refresh_url, width):
    is_whole_and_quiet(browser, refresh_url, width)
    answer, *tables = browser.execute_script(
        "return ['.answer', '#exports tbody', '#classes tbody', '#classes figure:nth-child(2) tbody']"
        ".map(s => document.querySelector(s).getBoundingClientRect().top)"
    )
    assert answer < 900
    assert max(tables) < 900 or width < 500


def is_whole_and_quiet(browser, url, width):
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(url)
    complaints = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert complaints == []
    broken = browser.execute_script("return [...document.images].filter(i => !i.complete || !i.naturalWidth).length")
    assert broken == 0
    fetched = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []
    page_width, window_width = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert page_width == window_width
    assert width - 20 < window_width <= width  # but for the scroll bar


def test_at_a_desk_the_answer_is_on_the_first_screen_and_the_comparison_needs_no_scrolling(browser, url):
    screen = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(url)
    bottom = browser.execute_script("return document.querySelector('.answer').getBoundingClientRect().bottom")
    assert bottom < 900
    table_width, room = browser.execute_script(
        "const box = document.querySelector('#comparison .table .scroll'); return [box.scrollWidth, box.clientWidth]"
    )
    assert table_width <= room


COLUMN = """
const [table, column] = arguments;
return [...document.querySelectorAll(table + ' tbody tr')].map(row => row.cells[column].firstChild?.textContent.trim());
"""


@pytest.mark.parametrize("url", ["the grid"], indirect=True)
def test_a_click_on_a_title_sorts_what_stands_above_the_rule(browser, url):
    browser.get(url)
    table, failed = "#comparison", len(BACKBONES) - 1
    buttons = browser.find_elements("css selector", f"{table} thead tr:last-child button")

    def column(number):
        return browser.execute_script(COLUMN, table, number)

    def numbers():
        return [float(text.split()[0]) for text in column(1)[:failed]]

    as_written = column(1)
    buttons[1].click()
    falling = column(1)
    assert numbers() == sorted(numbers(), reverse=True)
    assert falling[failed] == "failed", "what is not known stays last"
    assert falling[failed + 1 :] == as_written[failed + 1 :], "what stands below the rule stays there"
    buttons[1].click()
    assert numbers() == sorted(numbers())
    assert column(1)[failed] == "failed"
    buttons[1].click()
    assert column(1) == as_written
    buttons[0].click()
    assert column(0)[: failed + 1] == sorted(column(0)[: failed + 1], key=str.casefold)
    assert browser.get_log("browser") == []
