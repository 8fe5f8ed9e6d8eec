"""docs/serve.md does what it says: its requests are sent, as they stand there, to a server."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from importgraph import ROOT
from shop import GARMENT, PERSON

from benchmarks import serving
from benchmarks.server import Server, served
from pfafn.inference import TryOn
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import read_rgb

ADDRESS = "http://127.0.0.1:8000"  # on the page
ASK = (ROOT / "docs/serve.md").read_text().partition("\n## Ask\n")[2]
(SHELL,) = re.findall(r"```sh\n(.*?)```", ASK.partition("\n## ")[0], re.DOTALL)
(PYTHON,) = re.findall(r"```python\n(.*?)```", ASK, re.DOTALL)


@pytest.fixture(scope="module")
def server(weights: Path) -> Iterator[Server]:
    with served(weights) as started:
        yield started


@pytest.mark.slow
@pytest.mark.parametrize("words", [["bash", "-ec", SHELL], [sys.executable, "-c", PYTHON]])
def test_a_request_of_the_page_is_answered(
    server: Server, weights: Path, words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "person.jpg").write_bytes(PERSON)
    (tmp_path / "garment.png").write_bytes(GARMENT)
    words = [word.replace(ADDRESS, server.url) for word in words]
    subprocess.run(words, cwd=tmp_path, check=True, timeout=60)
    person, garment = PersonPhoto.decode(PERSON), GarmentPhoto.decode(GARMENT)
    expected = TryOn.load(weights).try_on(person, garment)
    np.testing.assert_allclose(read_rgb(tmp_path / "worn.png").astype(int), expected, atol=1)


@pytest.mark.slow
def test_under_load_in_a_swap_and_when_stopped_nothing_that_was_accepted_is_lost(
    capsys: pytest.CaptureFixture,
) -> None:
    few = ["--quick", "--seconds", "3", "--clients", "9", "--jobs", "6", "--visitors", "strip"]
    assert serving.main(few) == 0
    told = capsys.readouterr().out
    assert "models that answered: 2" in told
    assert "asked to stop with 6 jobs accepted: 6 answered" in told


def test_the_container_copies_what_there_is_and_serves_with_words_that_are_known() -> None:
    from typer.main import get_command

    from pfafn.cli.app import app

    text = (ROOT / "ci/Containerfile").read_text()
    copied = {name for line in re.findall(r"^COPY (.*) \S+$", text, re.M) for name in line.split()}
    assert copied and all((ROOT / name).exists() for name in copied)
    sent = re.findall(r"^!(\S+)$", (ROOT / "ci/Containerfile.dockerignore").read_text(), re.M)
    assert set(sent) == copied
    known = {option for param in get_command(app).commands["serve"].params for option in param.opts}
    words = re.findall(r'"([^"]*)"', text.partition("ENTRYPOINT")[2])
    assert words[:2] == ["pfafn", "serve"]
    assert {word for word in words if word.startswith("--")} <= known
