"""docs/page.jpg: what the page of a running `pfafn serve` shows after a try-on of three garments.

python tests/browser/picture.py http://127.0.0.1:8000 docs/page.jpg
"""

import shutil
import sys

from playwright.sync_api import expect, sync_playwright

PERSON, GARMENTS = 3, (8, 5, 2)  # of the gallery


def take(url: str, file: str) -> None:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        page.goto(url)
        page.locator("#person-panel .gallery button").nth(PERSON).click()
        for number in GARMENTS:
            page.locator("#garment-panel .gallery button").nth(number).click()
        done = page.locator("#strip button[data-status=done]")
        expect(done).to_have_count(len(GARMENTS), timeout=60_000)
        done.first.click()
        page.locator("#compare").hover()
        page.wait_for_timeout(500)
        page.screenshot(path=file, type="jpeg", quality=85)
        browser.close()


if __name__ == "__main__":
    take(*sys.argv[1:])
