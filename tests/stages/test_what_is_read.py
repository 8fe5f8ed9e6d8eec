"""What a training reads: the samples of its stage, changed as params.yaml says."""

from pathlib import Path
from typing import Any

import pytest
import tinyset

from pfafn.params.file import Params
from pfafn.stages import train


@pytest.fixture
def params() -> Params:
    raw = tinyset.params().model_dump(by_alias=True)
    raw |= {"seed": 5, "augment": {"flip": 0.3, "shift": 0.1, "scale": 0.0, "colour": 0.0}}
    return Params.model_validate(raw)


@pytest.mark.parametrize(("fakes", "role"), [(False, "TutorSamples"), (True, "StudentSamples")])
def test_tutor_and_student_see_samples_augmented_by_the_seed(
    fakes: bool, role: str, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(train, role, lambda *_, **how: told.update(how))
    monkeypatch.setattr(train, "Augment", lambda **amounts: amounts)
    schedule = params.student_tryon.model_copy(update={"photos": 0.25})
    train.samples(params, Path("artifacts"), schedule, fakes)
    assert (told["seed"], told["augment"]) == (5, params.augment.model_dump())
    assert told.get("photos") == (0.25 if fakes else None)
