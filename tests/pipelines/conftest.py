"""A hospital in a folder of the test's own, and a headless browser."""

import shutil

import pytest

from made_up_hospital import Hospital

QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip


@pytest.fixture
def hospital(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Hospital(project, tmp_path)
    made.parameters["emr"]["keep_notes"] = True
    return made


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    selenium = pytest.importorskip("selenium", reason="selenium is not installed: the page is not seen in a browser")
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver_path = shutil.which("chromedriver")
    if not binary or not driver_path:
        pytest.skip("no Chromium with chromedriver here: the page is not seen in a browser")
    from selenium.webdriver.chrome.service import Service

    options = selenium.webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.webdriver.Chrome(options=options, service=Service(driver_path))
    yield driver
    driver.quit()
