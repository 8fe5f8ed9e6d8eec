"""What a visitor of the page does and sees."""

import base64
import os
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from showroom import SIZE

HERE = Path(__file__).parent / "browser"
COMPLAINTS = (HERE / "accessible.js").read_text()
HANDED = (HERE / "handed.js").read_text()


def tiles(page: Page, kind: str) -> Locator:
    return page.locator(f"#{kind}-panel .gallery button")


def bring(page: Page, kind: str, *files: Path) -> Locator:
    """Choose files; what the page says of the last one."""
    page.locator(f"#{kind}-panel .sources input[type=file]").first.set_input_files(files)
    return settled(page, kind, files[-1].name)


def hand(page: Page, event: str, selector: str, *files: Path) -> None:
    """Let files come by a drop or a paste."""
    texts = [[f.name, "image/jpeg", base64.b64encode(f.read_bytes()).decode()] for f in files]
    page.evaluate(HANDED, [event, selector, texts])


def settled(page: Page, kind: str, name: str) -> Locator:
    entry = page.locator(f"#{kind}-panel .choice", has_text=name)
    expect(entry).not_to_have_class(re.compile("checking"))
    return entry


def tried_on(page: Page, title: str) -> None:
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(page.locator("#save")).to_be_visible()
    assert page.locator("#after").evaluate("i => i.decode().then(() => i.naturalWidth)") == SIZE[1]


def shoot(page: Page, name: str, look: tuple[str, str]) -> None:
    """Keep what the browser shows, where PFAFN_SCREENSHOTS says."""
    if folder := os.environ.get("PFAFN_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"page-{name}-{'-'.join(look)}.png", full_page=True)
