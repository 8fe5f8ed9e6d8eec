"""A visit to the page of `pfafn serve`: choose, read the verdict, see the try-on, compare.

One server, whose model is tiny and untrained, with drawn people and garments; a fresh page for
every test. PFAFN_SCREENSHOTS names a folder for what the browser showed.
"""

import base64
import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from showroom import Showroom, opened
from visitor import COMPLAINTS, bring, hand, settled, shoot, tiles, tried_on

from pfafn import registry

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
PATIENCE = 20_000  # ms on a busy machine
WINDOWS = {"desktop": (1280, 800), "phone": (390, 844)}


@pytest.fixture(scope="module")
def showroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showroom]:
    with opened(tmp_path_factory.mktemp("showroom")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine: `apt-get install chromium`")
    with sync_playwright() as driver:
        drawn = [f"--use-fake-{what}-for-media-stream" for what in ("device", "ui")]
        started = driver.chromium.launch(executable_path=CHROMIUM, args=drawn)
        yield started
        started.close()


@pytest.fixture(params=[("desktop", "light"), ("phone", "dark")], ids="-".join)
def look(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture
def page(showroom: Showroom, browser: Browser, look: tuple[str, str]) -> Iterator[Page]:
    """The page in a new window. Whatever it asks, it asks this machine; no script of it fails."""
    width, height = WINDOWS[look[0]]
    made = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme=look[1], reduced_motion="reduce"
    )
    made.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    faults: list[str] = []
    here = re.compile(rf"(data|blob):|{re.escape(showroom.url)}")
    made.on("request", lambda r: None if here.match(r.url) else faults.append(r.url))
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.goto(showroom.url)
    expect(tiles(made, "garment").first).to_be_visible()
    yield made
    made.close()
    assert faults == []


DESKTOP = pytest.mark.parametrize("look", [("desktop", "light")], ids="-".join)


def test_two_clicks_lead_to_a_try_on(page: Page, look: tuple[str, str]) -> None:
    shoot(page, "empty", look)
    tiles(page, "person").first.click()
    tiles(page, "garment").last.click()
    tried_on(page, "000000_0.jpg in 000004_1.jpg")
    expect(page.locator("#facts")).to_have_text(re.compile(r"version 1 · \d+ ms \(decode \d+"))
    assert page.evaluate(COMPLAINTS) == []
    shoot(page, "first", look)


@DESKTOP
def test_two_files_that_are_dropped_get_a_verdict_before_they_are_tried_on(
    page: Page, showroom: Showroom, look: tuple[str, str]
) -> None:
    for kind, name in (("person", "anna.jpg"), ("garment", "shirt.jpg")):
        hand(page, "drop", f"#{kind}-panel", showroom.brought / name)
        expect(settled(page, kind, name).locator(".verdict")).to_contain_text("Good to use")
    tried_on(page, "anna.jpg in shirt.jpg")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download").click()
    assert saved.value.suggested_filename == "anna__shirt.png"
    shoot(page, "dropped", look)


@DESKTOP
def test_the_first_of_two_pasted_pictures_is_the_person(page: Page, showroom: Showroom) -> None:
    hand(page, "paste", "body", showroom.brought / "anna.jpg", showroom.brought / "shirt.jpg")
    tried_on(page, "anna.jpg in shirt.jpg")
    hand(page, "paste", "body")
    expect(page.get_by_text("There is no picture in the clipboard.")).to_be_in_viewport()


@DESKTOP
def test_the_camera_takes_a_photo(page: Page) -> None:
    page.get_by_role("button", name="Photograph: a person").click()
    page.get_by_role("button", name="Take it").click()
    expect(page.locator("#camera-dialog")).to_be_hidden()
    settled(page, "person", "photo-")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("huge.png", "20000 × 10000 pixels are more"), ("letter.jpg", "Not a picture")],
)
def test_what_is_no_photo_is_not_sent_and_says_why(
    page: Page, showroom: Showroom, look: tuple[str, str], name: str, reason: str
) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    tiles(page, "garment").first.click()
    entry = bring(page, "person", showroom.brought / name)
    expect(entry.locator(".verdict")).to_have_text("Cannot be used")
    expect(entry).to_contain_text(reason)
    expect(page.locator("#empty")).to_contain_text(reason)
    assert [url for url in sent if "tryon" in url] == []
    assert page.evaluate(COMPLAINTS) == []
    shoot(page, name.partition(".")[0], look)


@DESKTOP
def test_a_mask_that_is_added_is_looked_at_with_its_garment(page: Page, showroom: Showroom) -> None:
    bring(page, "garment", showroom.brought / "shirt.jpg")
    page.locator("#garment-panel .choice input").set_input_files(showroom.brought / "chair.jpg")
    entry = settled(page, "garment", "Mask: chair.jpg")
    expect(entry.locator(".findings")).to_contain_text("(400, 300)")


@DESKTOP
def test_of_a_chair_the_page_says_what_the_api_says(page: Page, showroom: Showroom) -> None:
    entry = bring(page, "person", showroom.brought / "chair.jpg")
    text = base64.b64encode((showroom.brought / "chair.jpg").read_bytes()).decode()
    told = page.request.post(f"{showroom.url}v1/check", data={"person_image": text}).json()
    unknown = "person_unknown" in {finding["name"] for finding in told["person"]}
    good = "Good to use, if a person is in it" if unknown else re.compile("Good to use|Usable")
    verdict = good if told["usable"] else "Cannot be used"
    expect(entry.locator(".verdict")).to_have_text(verdict)
    for finding in told["person"]:
        bare = finding["text"].removeprefix("person: ").removeprefix("person_image: ")
        expect(entry).to_contain_text(bare[1:])


def choose_three(page: Page) -> None:
    """The gallery's first person in its first three garments."""
    tiles(page, "person").first.click()
    for number in range(3):
        tiles(page, "garment").nth(number).click()


def test_three_garments_become_a_strip_and_each_can_be_looked_at(
    page: Page, look: tuple[str, str]
) -> None:
    choose_three(page)
    expect(page.locator("#strip button[data-status=done]")).to_have_count(3)
    page.locator("#strip button").nth(1).click()
    tried_on(page, "000000_0.jpg in 000001_1.jpg")
    page.get_by_role("button", name="How it was made").click()
    expect(page.locator("#explanation img")).to_have_count(3)
    page.get_by_role("button", name="Remove 000001_1.jpg").click()
    expect(page.locator("#strip button")).to_have_count(2)
    expect(page.locator("#history button")).to_have_count(3)
    assert page.evaluate(COMPLAINTS) == []
    shoot(page, "three", look)


@pytest.mark.parametrize("look", [("desktop", "dark")], ids="-".join)
def test_beside_three_garments_the_gallery_is_in_view_and_notes_open_on_demand(
    page: Page, look: tuple[str, str]
) -> None:
    choose_three(page)
    last = settled(page, "garment", "000002_1.jpg")
    for seen in (last, tiles(page, "garment").first):
        expect(seen).to_be_in_viewport(ratio=1)
    note = last.get_by_text("of its outline shows in the photo")
    expect(note).to_be_hidden()
    last.locator("summary").press("Enter")
    expect(note).to_be_visible()
    assert page.evaluate(COMPLAINTS) == []
    shoot(page, "notes", look)


@DESKTOP
def test_the_edge_between_photo_and_try_on_moves_by_keys_and_pointer(page: Page) -> None:
    tiles(page, "person").first.click()
    tiles(page, "garment").first.click()
    tried_on(page, "000000_0.jpg in 000000_1.jpg")
    edge = page.get_by_role("slider")
    edge.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(edge).to_have_attribute("aria-valuetext", "1 % photo, 99 % try-on")
    box = page.locator("#compare").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 9)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 99)
    page.mouse.up()
    expect(edge).to_have_attribute("aria-valuetext", "75 % photo, 25 % try-on")
    shown = page.locator("#before").evaluate("image => getComputedStyle(image).clipPath")
    assert shown == "inset(0px 25% 0px 0px)"


@DESKTOP
def test_the_keyboard_alone_is_enough_and_shows_where_it_is(page: Page) -> None:
    def press_until(label: str) -> None:
        for _ in range(5):  # presses: a gallery is one stop
            page.keyboard.press("Tab")
            assert "solid 3px" in page.evaluate("getComputedStyle(document.activeElement).outline")
            if page.evaluate("document.activeElement.ariaLabel") == label:
                return
        raise AssertionError(f"the tab key does not lead to {label}")

    press_until("Person 000000_0.jpg")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    settled(page, "person", "000001_0.jpg")
    press_until("Garment 000000_1.jpg")
    page.keyboard.press("End")
    page.keyboard.press("Space")
    tried_on(page, "000001_0.jpg in 000004_1.jpg")
    expect(page.locator("#live")).to_contain_text("000001_0.jpg in 000004_1.jpg: done in")


@DESKTOP
def test_the_switch_changes_the_colours_and_is_remembered(page: Page) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(colour) != light
    page.reload()
    expect(page.get_by_role("button", name="Light")).to_be_visible()
    assert page.evaluate(colour) != light


@DESKTOP
def test_a_server_that_does_not_answer_is_told_and_asked_again(
    page: Page, showroom: Showroom
) -> None:
    page.context.set_offline(True)
    entry = bring(page, "person", showroom.brought / "anna.jpg")
    expect(entry).to_contain_text("The server does not answer.")
    expect(page.locator("#model-name")).to_have_text("The server does not answer.")
    page.context.set_offline(False)
    entry.get_by_role("button", name="Look at anna.jpg again").click()
    expect(entry.locator(".verdict")).to_contain_text("Good to use")


@DESKTOP
def test_another_champion_is_seen_without_a_reload(page: Page) -> None:
    expect(page.locator("#model-name")).to_contain_text("version 1")
    tiles(page, "person").first.click()
    tiles(page, "garment").first.click()
    tried_on(page, "000000_0.jpg in 000000_1.jpg")
    registry.promote("models:/pfafn-student/2")
    expect(page.locator("#model-name")).to_contain_text("version 2")
    page.get_by_role("button", name="Try with version 2").click()
    expect(page.locator("#facts")).to_have_text(re.compile(r"^Made by version 2 · \d+ ms"))
