from typing import Any

import pytest
from mirror import Mirror, model


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
