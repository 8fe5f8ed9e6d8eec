"""`mlflow models serve`, and the requests that docs/registry.md says it answers."""

import base64
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import clone
import numpy as np
import photoset
import pytest
from PIL import Image
from retraining import Project, new_project

from pfafn import registry
from pfafn.inference import TryOn
from pfafn.kit.versions import PACKAGE
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import decode_rgb, read_rgb
from pfafn.registry import stored

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]
SIZE = (64, 96)
PORT = "5077"  # on the page
PAGE = (clone.ROOT / "docs/registry.md").read_text()
SERVING = PAGE.partition("\n## Serve it\n")[2]
SETUP, SHELL, EXAMPLE = re.findall(r"```sh\n(.*?)```", SERVING, re.DOTALL)
(PYTHON,) = re.findall(r"```python\n(.*?)```", SERVING, re.DOTALL)
SERVE = next(line for line in SETUP.splitlines() if line.startswith("mlflow"))


@pytest.fixture(scope="module")
def port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Path, port: str
) -> Iterator[Project]:
    """A project with tiny networks and two photos, its champion served as the page says."""
    with pytest.MonkeyPatch.context() as patch:
        project = new_project(tmp_path_factory.mktemp("shop"), empty_store, patch)
        patch.setattr(stored, "PACKAGE", PACKAGE)  # this one is served
        project.retrain()
        project.put_networks(*SIZE)
        registry.sync()
        rgb, mask = photoset.garment(2, SIZE)
        mask[:30] = 0
        Image.fromarray(photoset.person(1, SIZE)).save(project.root / "person.jpg")
        Image.fromarray(np.dstack([rgb, mask])).save(project.root / "garment.png")
        process = subprocess.Popen(
            shlex.split(SERVE.replace(PORT, port)), cwd=project.root, env=environment(),
            stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            clone.eventually(lambda: process.poll() is not None or is_ready(port), 120)
            yield project
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def environment() -> dict[str, str]:
    """As the page sets it up."""
    kept = clone.environment()
    kept.pop("PYTHONPATH", None)
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return kept | {"PATH": path, "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}


def is_ready(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.mark.parametrize(
    "request_of_the_page", [[sys.executable, "-c", PYTHON], ["bash", "-c", SHELL]]
)
def test_the_champion_answers(shop: Project, port: str, request_of_the_page: list[str]) -> None:
    words = [word.replace(PORT, port) for word in request_of_the_page]
    subprocess.run(words, cwd=shop.root, env=environment(), check=True, timeout=60)
    person = PersonPhoto.read(shop.root / "person.jpg")
    garment = GarmentPhoto.read(shop.root / "garment.png")
    expected = TryOn.load(registry.CHAMPION).try_on(person, garment)
    worn = read_rgb(shop.root / "worn.png")
    np.testing.assert_allclose(worn.astype(int), expected, atol=1)


def test_the_example_of_a_version_is_answered(shop: Project, port: str) -> None:
    words = ["bash", "-c", EXAMPLE.replace(PORT, port)]
    subprocess.run(words, cwd=shop.root, env=environment(), check=True, timeout=60)
    (answer,) = json.loads((shop.root / "answer.json").read_text())["predictions"]
    assert answer["error"] == ""
    assert decode_rgb(base64.b64decode(answer["image"])).shape[:2] == stored.EXAMPLE


def test_in_a_folder_that_is_no_project_loading_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(registry.store.RegistryError, match="this folder is in no project"):
        registry.load_model()
    assert not list(tmp_path.iterdir())


def test_a_row_that_cannot_be_used_is_named_in_the_answer(shop: Project, port: str) -> None:
    rows = {"columns": ["person", "garment"], "data": [["x", "y"]]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        data=json.dumps({"dataframe_split": rows}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    with refused.value as answer:
        said = json.load(answer)
    assert refused.value.code == 400
    assert "row 0, person: expected base64 of a PNG or JPEG, got 'x'" in said["message"]
    assert "stack_trace" not in said
