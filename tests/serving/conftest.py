from collections.abc import Iterator
from pathlib import Path

import pytest
import tinyset
from shop import TestClient, serving


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinyset.write_model(tmp_path_factory.mktemp("served") / "student.safetensors")


@pytest.fixture(scope="module")
def client(weights: Path, tiny_artifacts: Path) -> Iterator[TestClient]:
    with serving(weights, tiny_artifacts) as started:
        yield started
