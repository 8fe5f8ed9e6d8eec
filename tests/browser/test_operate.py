"""A year in front of the pages, in short: pause, retrain from the form, look, find the champion.

The tests share one project and one browser and stand in the order in which a person would do
these things. PFAFN_SCREENSHOTS names a folder for what the browser showed.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clone
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from flows.ui import retrainings
from pfafn.registry.store import VIEW

pytestmark = pytest.mark.slow

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
RUN = "from-the-form"
PATIENCE = 30_000  # ms for a page on a busy machine
SIZES = ("--train", "16", "--test", "6", "--height", "128", "--width", "96")


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clone.Ui]:
    """`pfafn ui` in a clone with drawn photos, of which DVC knows."""
    root = clone.make(tmp_path_factory.mktemp("clone") / "pfafn")
    for words in (["pfafn", "synth", *SIZES], ["dvc", "add", "--quiet", "data"]):
        command = [sys.executable, "-m", *words]
        subprocess.run(command, cwd=root, env=clone.environment(), check=True)
    with clone.ui(root) as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere() -> set[str]:
    """Addresses outside this machine that a page has asked."""
    return set()


@pytest.fixture(scope="module")
def page(ui: clone.Ui, elsewhere: set[str]) -> Iterator[Page]:
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine: `apt-get install chromium`")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        made = browser.new_page(viewport={"width": 1400, "height": 1000})
        made.set_default_timeout(PATIENCE)
        here = re.compile(r"(data|blob):|(http|ws)://127\.0\.0\.1[:/]")
        made.on("request", lambda r: None if here.match(r.url) else elsewhere.add(r.url))
        yield made
        browser.close()


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = os.environ.get("PFAFN_SCREENSHOTS")
    chosen = Path(folder) if folder else tmp_path_factory.mktemp("screenshots")
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


def shoot(page: Page, file: Path) -> None:
    page.wait_for_timeout(700)  # what slides in has arrived
    page.screenshot(path=file)


def nightly(ui: clone.Ui) -> dict[str, Any]:
    """The deployment, as the server knows it."""
    return ui.api("deployments/name/retrain/nightly")


def scheduled(ui: clone.Ui) -> list[bool]:
    """Whether its schedules are active."""
    return [schedule["active"] for schedule in nightly(ui)["schedules"]]


def flow_runs(ui: clone.Ui) -> list[dict[str, Any]]:
    """The run from the form, once there is one."""
    return ui.api("flow_runs/filter", flow_runs={"name": {"any_": [RUN]}})


def is_shown(image: Locator) -> None:
    """The picture has arrived, and has pixels."""
    expect(image).to_be_visible(timeout=PATIENCE)
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100


def open_nightly(page: Page, ui: clone.Ui) -> None:
    page.goto(ui.prefect)
    page.get_by_text("Deployments", exact=True).click()
    page.get_by_role("link", name="nightly").first.click()
    expect(page.get_by_role("link", name="retrain when photos have changed")).to_be_visible()


def open_run(page: Page, ui: clone.Ui) -> None:
    page.goto(f"{ui.prefect}/runs/flow-run/{flow_runs(ui)[0]['id']}")


def open_stages(page: Page, ui: clone.Ui) -> None:
    open_run(page, ui)
    page.get_by_text("Task Runs", exact=True).click()


def test_the_switch_of_the_schedule_pauses_it(page: Page, ui: clone.Ui, shots: Path) -> None:
    assert scheduled(ui) == [True]
    open_nightly(page, ui)
    page.get_by_role("switch").click()
    expect(page.get_by_role("switch")).not_to_be_checked()
    clone.eventually(lambda: scheduled(ui) == [False], 30)
    shoot(page, shots / "1-paused.png")


def test_the_form_starts_a_run_with_another_profile(page: Page, ui: clone.Ui, shots: Path) -> None:
    open_nightly(page, ui)
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    page.locator(".flow-run-name-input input").fill(RUN)
    profile = page.locator(".schema-form-property", has_text="profile (Optional)")
    profile.locator(".p-select-button__icon").click()
    page.get_by_text("smoke", exact=True).click()
    overrides = page.locator(".schema-form-property", has_text="overrides (Optional)")
    overrides.get_by_role("button", name="Add item").click()
    overrides.locator("input, textarea").last.fill("evaluate.grid_rows=2")
    shoot(page, shots / "2-form.png")
    page.get_by_role("button", name="Submit").click()
    clone.eventually(lambda: flow_runs(ui), 30)
    given = flow_runs(ui)[0]["parameters"]
    assert (given["profile"], given["overrides"]) == ("smoke", ["evaluate.grid_rows=2"])


def test_its_stages_go_by_until_it_has_completed(page: Page, ui: clone.Ui, shots: Path) -> None:
    open_stages(page, ui)
    page.get_by_role("link", name="tutor_warp").first.wait_for(timeout=10 * PATIENCE)
    shoot(page, shots / "3-running.png")
    page.goto("about:blank")  # without a GPU the moving timeline takes one of the training's cores
    ended = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    clone.eventually(lambda: flow_runs(ui)[0]["state_type"] in ended, 600)
    assert flow_runs(ui)[0]["state_type"] == "COMPLETED", flow_runs(ui)[0]["state"]
    open_stages(page, ui)
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=PATIENCE)
    for stage in ("prepare", "student_tryon", "evaluate", "register"):
        expect(page.get_by_role("link", name=stage).first).to_be_visible()
    shoot(page, shots / "4-completed.png")


@pytest.mark.parametrize(
    ("artifact", "shown"),
    [("stages", "student_tryon"), ("result", "is champion"), ("grid", "Try-ons of test persons")],
)
def test_its_artifacts_tell_what_came_of_it(
    page: Page, ui: clone.Ui, shots: Path, artifact: str, shown: str
) -> None:
    open_run(page, ui)
    page.get_by_text("Artifacts", exact=True).click()
    page.get_by_role("link", name=artifact).first.click()
    expect(page.get_by_text(shown).first).to_be_visible(timeout=PATIENCE)
    if artifact == "grid":
        is_shown(page.locator("main img, .artifact-data-view-image img, img").last)
    shoot(page, shots / f"5-{artifact}.png")


def test_mlflow_shows_the_champion_and_why_it_is_one(page: Page, ui: clone.Ui, shots: Path) -> None:
    page.goto(retrainings(ui.mlflow))  # as `pfafn ui` prints it at its next start
    expect(page.get_by_role("link", name="smoke").first).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Close").last.click()  # MLflow's assistant
    expect(page.get_by_role("columnheader", name="unpaired.psnr_clothes").first).to_be_visible()
    shoot(page, shots / "6-runs.png")
    page.goto(f"{ui.mlflow}/#/models/pfafn-student{VIEW}")
    expect(page.get_by_role("row", name="Version 1")).to_contain_text("champion")
    page.get_by_role("link", name="Version 1").click()
    expect(page.get_by_text("Champion: there was no champion").first).to_be_visible()
    expect(page.get_by_role("row", name="gate.reason")).to_contain_text("there was no champion")
    shoot(page, shots / "7-champion.png")


def test_mlflow_shows_its_metrics_and_pictures(page: Page, ui: clone.Ui, shots: Path) -> None:
    evaluation = page.get_by_role("row", name="evaluation.run").inner_text().split()[-1]
    page.get_by_role("link", name="student_tryon").click()
    page.get_by_text(re.compile(r"^Metrics \(\d+\)")).scroll_into_view_if_needed()
    expect(page.get_by_text("generator_l1").first).to_be_visible()
    shoot(page, shots / "8-metrics.png")
    page.goto(page.url.rpartition("/")[0] + f"/{evaluation}/artifacts")
    page.get_by_text("grid.png").click()
    is_shown(page.get_by_role("img", name="grid.png"))
    shoot(page, shots / "9-pictures.png")


def test_the_switch_resumes_the_schedule(page: Page, ui: clone.Ui) -> None:
    open_nightly(page, ui)
    page.get_by_role("switch").click()
    clone.eventually(lambda: scheduled(ui) == [True], 30)


def test_no_page_has_asked_anybody_else(page: Page, elsewhere: set[str]) -> None:
    assert elsewhere == set()
