from typing import Any

import pytest
from mirror import Mirror, model


@pytest.fixture
def plain_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, in float32."""
    monkeypatch.setenv("PFAFN_DEVICE", "cpu")
    monkeypatch.setenv("PFAFN_PRECISION", "fp32")


@pytest.fixture
def inference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pfafn.inference.TryOn", Mirror)
    monkeypatch.setattr("pfafn.inference.TutorTryOn", Mirror)


@pytest.fixture
def student(inference: None) -> Any:
    return model("pfafn-student")


@pytest.fixture
def tutor(inference: None) -> Any:
    return model("pfafn-tutor")
