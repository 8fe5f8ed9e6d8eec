"""The whole project: with photos only, and as it ends when nobody disturbs it."""

import shutil
import sys
import time
from pathlib import Path

import clone
import pytest
from killing import Project
from whole import DVC, PEOPLE, Undisturbed, models, run


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small project whose stages can be killed or starved."""
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with photos in which nothing has run."""
    root = clone.make(tmp_path_factory.mktemp("photos") / "pfafn")
    shutil.copy(root / "profiles/smoke.yaml", root / "params.yaml")
    run(root, sys.executable, "-m", "pfafn", "synth", *PEOPLE)
    return root


@pytest.fixture(scope="session")
def peaceful(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A project that nobody disturbed; to be read and copied only."""
    root = shutil.copytree(photos, tmp_path_factory.mktemp("undisturbed") / "pfafn")
    began = time.monotonic()
    run(root, *DVC)
    return Undisturbed(root, models(root), time.monotonic() - began)
