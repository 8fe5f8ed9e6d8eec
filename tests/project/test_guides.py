"""docs/guides.md works as written: a reader with photos types its blocks from top to bottom."""

import os
import re
import subprocess
import sys
from pathlib import Path

import clone
import numpy as np
import pandas as pd
import photoset
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

PAGE = (clone.ROOT / "docs/guides.md").read_text()
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```", PAGE, re.M | re.S)
# The reader's programs are those of the clone's own environment.
PRELUDE = f'set -euo pipefail\npfafn() {{ "{sys.executable}" -m pfafn "$@"; }}\n'


def pfafn(root: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "pfafn", *words], cwd=root, env=environment(), check=True)


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return clone.environment() | {"PATH": path}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone, and the files that the page says are the reader's."""
    root = clone.make(tmp_path_factory.mktemp("reader") / "pfafn")
    pfafn(root, "synth", "photos", "--train", "16", "--test", "4")
    photoset.dresscode(root / "dresscode", size=(128, 96))
    for name, size in (("me.jpg", (160, 110)), ("people/a.jpg", (128, 96))):
        photoset.write_rgb(root / name, photoset.person(1, size))
    for name in ("shirt.jpg", "shirts/x.jpg"):
        photoset.write_rgb(root / name, photoset.garment(2, (128, 96))[0])
    return root


@pytest.fixture(scope="module")
def said(reader: Path) -> list[str]:
    """What each block has printed."""
    return [run(reader, kind, text) for kind, text in BLOCKS]


def run(root: Path, kind: str, text: str) -> str:
    command = ["bash", "-c", PRELUDE + text] if kind == "sh" else [sys.executable, "-c", text]
    done = subprocess.run(
        command, cwd=root, env=environment(), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout}"
    return done.stdout


def test_every_block_does_what_the_text_around_it_says(said: list[str]) -> None:
    train, tryon, _, retrain, larger, dresses = said
    assert "pfafn-student version 1 (champion)" in train
    assert tryon.count("1 of 1 written") == 3
    assert ran(retrain) == ["register", "student_tryon", "evaluate", "register"]
    assert ran(larger)[0] == "prepare" and "register" in ran(larger)
    assert ran(dresses) == ["prepare", "annotate"]


def ran(log: str) -> list[str]:
    """The stages that DVC ran, or would run."""
    return re.findall(r"Running stage '(\w+)'", log)


def test_there_is_what_the_page_promises(said: list[str], reader: Path) -> None:
    photo, worn = (np.asarray(Image.open(reader / name)) for name in ("me.jpg", "worn.png"))
    assert worn.shape == photo.shape
    for name in ("sheet.jpg", "out/a__x.png", "anew.explain/flow.png"):
        assert (reader / name).is_file()
    manifest = pd.read_parquet(reader / "artifacts/prepare/manifest.parquet")
    assert set(manifest["category"]) == {"upper", "dress"}
