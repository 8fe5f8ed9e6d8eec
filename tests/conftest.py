from pathlib import Path

import pytest
import tinyset
import torch

from pfafn.models import tryon
from pfafn.models.tryon import TryOnNet
from pfafn.testset import TestSet


@pytest.fixture(scope="session")
def tiny_artifacts(tmp_path_factory) -> Path:
    """artifacts/ of a project with three test persons; to be read only."""
    return tinyset.write_all(tmp_path_factory.mktemp("project") / "artifacts")


@pytest.fixture(scope="session")
def test_set(tiny_artifacts) -> TestSet:
    return TestSet(tiny_artifacts / "prepare", tiny_artifacts / "annotate")


@pytest.fixture
def batch(test_set) -> dict[str, torch.Tensor]:
    """All its samples; a fresh copy that a test may change."""
    samples = [test_set.samples[i] for i in range(len(test_set.samples))]
    return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}


@pytest.fixture(scope="session")
def networks(tiny_artifacts) -> list[TryOnNet]:
    """Tutor and student."""
    stages = (f"{role}_tryon" for role in ("tutor", "student"))
    return [tryon.load(tiny_artifacts / stage / "model.safetensors")[0] for stage in stages]
