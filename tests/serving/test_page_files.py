"""The page's files: all there, small, and asking nobody else."""

import re
from pathlib import Path

import pytest
from importgraph import ROOT
from shop import TestClient

PAGE = ROOT / "pfafn/serving/page"
FILES = sorted(PAGE.iterdir())
INDEX = (PAGE / "index.html").read_text()
each_file = pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])


def test_every_file_is_used_and_every_one_that_is_used_is_there() -> None:
    used = {"index.html", *re.findall(r'(?:href|src)="page/(\S+?)"', INDEX)}
    for file in PAGE.glob("*.js"):
        used |= set(re.findall(r'from "\./(\S+)";', file.read_text()))
    assert used == {file.name for file in FILES}


@each_file
def test_no_file_leads_to_another_host(file: Path) -> None:
    hosts = set(re.findall(r"\w+://[^\s'\"]+", file.read_text()))
    assert hosts <= {"http://www.w3.org/2000/svg"}  # a name, never asked


@pytest.mark.parametrize("name", ["docs", "redoc"])
def test_nor_does_a_page_that_shows_the_api(client: TestClient, name: str) -> None:
    page = client.get(f"/{name}").text
    needed = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert needed and "://" not in page
    assert {client.get(path).status_code for path in (*needed, "/openapi.json")} == {200}


@each_file
def test_a_file_can_be_read_in_one_go(file: Path) -> None:
    assert len(file.read_text().splitlines()) < 250


def test_every_element_and_drawing_that_a_script_looks_for_is_in_the_page() -> None:
    scripts = "".join(file.read_text() for file in PAGE.glob("*.js"))
    found = re.findall(r'\bfind\("([\w-]+)"\)', scripts)
    drawn = [f"i-{name}" for name in re.findall(r'\b(?:icon\(|sign: )"([\w-]+)"', scripts)]
    drawn += re.findall(r'href="#([\w-]+)"', INDEX)
    assert found and drawn
    assert {*found, *drawn} <= set(re.findall(r'id="([\w-]+)"', INDEX))
