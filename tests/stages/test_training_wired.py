"""What a training stage hands to the one loop, and what it says of the training afterwards."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import tinyset

from pfafn.learning.student import StudentObjective
from pfafn.models.tryon import TryOnNet
from pfafn.params.file import Params
from pfafn.stages import student_tryon, train, tutor_warp
from pfafn.training.loop import Trained

Patch = pytest.MonkeyPatch
ROW = {"step": 1, "epoch": 1, "rate": 1.0, "total": 2.0, "l1": 1.0}


def params(**changes: dict[str, Any]) -> Params:
    return tinyset.changed(tinyset.params(), **changes)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("root") / "artifacts"
    tinyset.write_prepared(made)
    tinyset.write_annotations(made)
    return made


class Loop:
    """In the place of `fit` and of what comes before it: notes what it is given."""

    def __init__(self, patch: Patch) -> None:
        self.called: dict[str, Any] = {}
        self.history = [ROW]
        for name in ("quicken", "recompute"):
            patch.setattr(train, name, lambda objective, n=name: self.called.update({n: objective}))
        patch.setattr(train, "need", lambda folder, size, what: self.called.update(need=size))
        patch.setattr(train, "fit", self.fit)

    def fit(self, recipe: Any, dataset: Any, adam: Any, **named: Any) -> Trained:
        self.called.update(named, recipe=recipe, dataset=dataset, adam=adam)
        return Trained(self.history, 12, 3.14159, 0.123456)


@pytest.fixture
def loop(monkeypatch: Patch) -> Loop:
    return Loop(monkeypatch)


def test_the_loop_is_given_what_the_params_say(artifacts: Path, loop: Loop) -> None:
    own = params()
    tutor_warp.run(own, artifacts)
    told = loop.called
    assert (told["name"], told["seed"], told["adam"]) == ("tutor_warp", own.seed, own.optimizer)
    assert told["recipe"].schedule == own.tutor_warp
    assert told["work"].parent == artifacts.parent / ".work/tutor_warp"
    looks = [watch.__qualname__ for watch in told["watchers"]]
    assert looks == ["Alarm.look", "Pace.step", "Watch.look"]
    assert told["watchers"][0].__self__.name == "tutor_warp"
    assert told["watchers"][1].__self__.batch == own.tutor_warp.batch
    assert told["watchers"][2].__self__.log.parent == told["work"]


@pytest.mark.parametrize(
    ("processes", "rounding"), [(2, {"threads": 4}), (1, {"precision": "float32"})]
)
def test_together_and_on_a_gpu_the_threads_stay_as_they_are(
    processes: int, rounding: dict[str, Any]
) -> None:
    output, fabric = Mock(rounding=rounding), Mock(world_size=processes)
    assert train.leaving(output, fabric) == []


@pytest.mark.parametrize("wish", ["0", "1"])
def test_every_network_is_quickened_and_recomputes_where_it_is_wished(
    artifacts: Path, loop: Loop, monkeypatch: Patch, wish: str
) -> None:
    monkeypatch.setenv("PFAFN_RECOMPUTE", wish)
    tutor_warp.run(params(), artifacts)
    objective = loop.called["recipe"].objective
    assert loop.called["quicken"] is objective
    assert ("recompute" in loop.called) is (wish == "1")


@pytest.mark.parametrize("pays", [True, False])
def test_it_is_compiled_if_that_pays_for_its_steps(
    artifacts: Path, loop: Loop, monkeypatch: Patch, pays: bool
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(train.machine, "compiles", lambda steps: asked.append(steps) or pays)
    monkeypatch.setattr(train, "compile_parts", lambda net: loop.called.update(compiled=net))
    own = params()
    tutor_warp.run(own, artifacts)
    told = loop.called
    assert told.get("compiled") is (told["recipe"].objective if pays else None)
    assert asked == [told["recipe"].epochs * (len(told["dataset"]) // own.tutor_warp.batch)]


def test_there_has_to_be_room_for_the_model_and_three_resume_points_with_adams_moments(
    artifacts: Path, loop: Loop
) -> None:
    tutor_warp.run(params(), artifacts)
    net = loop.called["recipe"].objective.net
    assert loop.called["need"] == 10 * sum(value.nbytes for value in net.state_dict().values())


def test_provenance_says_what_the_training_cost_and_what_looked_wrong(
    artifacts: Path, loop: Loop
) -> None:
    loop.history = [ROW | {"step": n, "warped_area": 0.01} for n in range(1, 7)]
    assert tutor_warp.run(params(), artifacts)["steps"] == 6
    told = json.loads((artifacts / "tutor_warp/provenance.json").read_text())
    assert (told["samples"], told["processes"]) == (12, 1)
    assert (told["training_seconds"], told["resume_points_seconds"]) == (3.1, 0.123)
    assert "the warped garment vanishes" in told["alarms"]["warped_area"]


@pytest.mark.parametrize(("stage", "photos"), [("student_warp", 0.0), ("student_tryon", 0.25)])
def test_a_students_samples_are_fakes_and_as_many_photos_as_its_params_say(
    monkeypatch: Patch, tmp_path: Path, stage: str, photos: float
) -> None:
    monkeypatch.setattr(train, "StudentSamples", lambda *folders, **how: (folders, how))
    monkeypatch.setattr(train, "Augment", lambda **strengths: strengths)
    own = params(student_tryon={"photos": 0.25}, augment={"flip": 0.125, "shift": 0.0625})
    folders, how = train.samples(own, tmp_path, getattr(own, stage), True)
    assert folders == tuple(tmp_path / name for name in ("prepare", "annotate", "fakes"))
    strengths = own.augment.model_dump()
    assert how == {"photos": photos, "augment": strengths, "seed": own.seed}


def untrained(monkeypatch: Patch, tmp_path: Path, **changed: dict[str, Any]) -> StudentObjective:
    """What the student's last stage would train, from networks that nothing has trained."""

    def network(own: Params, _folder: Path, stage: str, role: str) -> TryOnNet:
        generator = own.model.generator if stage.endswith("_tryon") else None
        return TryOnNet(role, list(own.model.channels), own.model.fpn, generator)

    monkeypatch.setattr(student_tryon, "load_model", network)
    return student_tryon.recipe(params(**changed), tmp_path).objective


def test_a_student_trusts_a_parsing_as_its_fakes_do(monkeypatch: Patch, tmp_path: Path) -> None:
    assert untrained(monkeypatch, tmp_path, fakes={"edge": 5}).edge == 5


def test_what_stays_counts_as_much_as_the_params_say(monkeypatch: Patch, tmp_path: Path) -> None:
    assert untrained(monkeypatch, tmp_path, student_tryon={"stays": 5.0}).stays == 5


@pytest.mark.parametrize(("keep", "tone", "above"), [(2, 2, True), (0, 2, False), (2, 0, False)])
def test_a_new_student_bares_skin_of_what_it_would_keep(
    monkeypatch: Patch, tmp_path: Path, keep: float, tone: float, above: bool
) -> None:
    told = untrained(monkeypatch, tmp_path, student_tryon={"keep": keep, "tone": tone})
    assert told.net.architecture.get("tone_above", False) is above


def test_the_vgg_is_the_one_of_the_params_and_checked_by_their_hash(monkeypatch: Patch) -> None:
    monkeypatch.setattr(train, "load_vgg", lambda *given: given)
    own = params(perceptual={"weights": "v.pth", "sha256": "0123abcd"})
    assert train.perceptual(own) == ("v.pth", "0123abcd")
