"""prepare, annotate and fakes, killed at any item, go on there and end with the same bytes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import photoset
import pytest
import tinyset
from tinytrain import stop_after

from pfafn.data.inspection import Inspector
from pfafn.kit.files import file_hash
from pfafn.kit.signals import Stopped
from pfafn.learning import fakes as dressing
from pfafn.params.file import Params
from pfafn.photos.images import PACKED_SHARE
from pfafn.stages import annotate, fakes, prepare, tutor_warp
from pfafn.stages.workplace import NoSpace

SIZE = tinyset.SIZE
PERSONS, GARMENTS = 9, 9  # of the photos


class Killed(BaseException):
    """Nobody catches it, as nobody catches SIGKILL."""


class Counter:
    """Counts the calls of a function; the `last` one is never finished."""

    def __init__(self, function: Callable, last: int | None = None) -> None:
        self.function, self.last, self.calls = function, last, 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls == self.last:
            raise Killed
        return self.function(*args, **options)


def params(**changes: dict[str, Any]) -> Params:
    fakes = {"per_person": 1, "batch": 2, "min_area": 0.0, "min_agreement": 0.0}
    tiny = tinyset.changed(tinyset.params(), fakes=fakes, prepare={"unpaired": 2})
    return tinyset.changed(tiny, **changes)


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: file_hash(p) for p in folder.iterdir() if p.name != "provenance.json"}


def run_prepare(root: Path, used: Params) -> Path:
    prepare.run(used, root / "data", root / "artifacts/prepare")
    return root / "artifacts/prepare"


def run_annotate(root: Path, used: Params) -> Path:
    artifacts = root / "artifacts"
    annotate.run(used, root / "data", artifacts / "prepare", artifacts / "annotate")
    return artifacts / "annotate"


def run_fakes(root: Path, used: Params) -> Path:
    fakes.run(used, root / "artifacts")
    return root / "artifacts/fakes"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    photoset.viton(tmp_path / "data", train=6, test=3, size=SIZE)
    return tmp_path


WORK = {
    "inspect persons": (run_prepare, Inspector, "person", PERSONS),
    "inspect garments": (run_prepare, Inspector, "garment", GARMENTS),
    "write persons": (run_prepare, prepare, "person_row", PERSONS),
    "write garments": (run_prepare, prepare, "garment_row", GARMENTS),
    "annotate": (run_annotate, annotate, "annotate_person", PERSONS),
}


def counted(function: Callable, last: int | None = None) -> tuple[Callable, Counter]:
    """The function, counting, in a form that is also a method."""
    counter = Counter(function, last)
    return lambda *args, **options: counter(*args, **options), counter


@pytest.mark.parametrize(("run", "owner", "name", "items"), WORK.values(), ids=WORK)
@pytest.mark.parametrize("last", [1, 4, 9])
def test_an_item_that_is_done_is_never_done_again(
    run: Callable,
    owner: Any,
    name: str,
    items: int,
    last: int,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_prepare(root, params())
    expected = hashes(run(root, params()))
    function = getattr(owner, name)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(owner, name, counted(function, last)[0])
        run(root, params())
    with monkeypatch.context() as patch:
        whole, counter = counted(function)
        patch.setattr(owner, name, whole)
        assert hashes(run(root, params())) == expected
    assert counter.calls == items - (last - 1)


def test_persons_that_are_lost_are_written_again_though_garments_are_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = hashes(run_prepare(root, params()))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(prepare, "garment_row", Counter(prepare.garment_row, 5))
        run_prepare(root, params())
    [unfinished] = root.rglob("persons/.*.partial")
    unfinished.write_bytes(unfinished.read_bytes()[: unfinished.stat().st_size // 2])
    assert hashes(run_prepare(root, params())) == expected


def test_other_params_do_not_go_on_from_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = params(prepare={"unpaired": 1}, fakes={"per_person": 1})
    expected = hashes(run_prepare(root, other))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(prepare, "person_row", Counter(prepare.person_row, 5))
        run_prepare(root, params())
    assert hashes(run_prepare(root, other)) == expected


@pytest.fixture(scope="module")
def tutored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a tutor of four people, twice in other garments."""
    root = tmp_path_factory.mktemp("root")
    tinyset.write_all(root / "artifacts")
    return root


def test_a_training_under_other_params_begins_anew(
    tutored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = (
        params(tutor_warp={"epochs": 2, "decay": 1, "batch": 2, "lr": rate})
        for rate in (1e-4, 1e-2)
    )
    tutor_warp.run(fast, tutored / "artifacts")
    expected = hashes(tutored / "artifacts/tutor_warp")
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(patch, 3)
        tutor_warp.run(slow, tutored / "artifacts")
    tutor_warp.run(fast, tutored / "artifacts")
    assert hashes(tutored / "artifacts/tutor_warp") == expected


@pytest.mark.parametrize(("last", "left"), [(1, 2), (2, 1)])
def test_fakes_go_on_with_the_next_whole_batch(
    tutored: Path, last: int, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = hashes(run_fakes(tutored, params()))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(dressing, "dressed", Counter(dressing.dressed, last))
        run_fakes(tutored, params())
    with monkeypatch.context() as patch:
        again = Counter(dressing.dressed)
        patch.setattr(dressing, "dressed", again)
        assert hashes(run_fakes(tutored, params())) == expected
    assert again.calls == left


@pytest.mark.parametrize("last", [1, 2, 3, 4])
def test_fakes_may_die_between_a_picture_and_its_scores(
    tutored: Path, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = hashes(run_fakes(tutored, params()))
    append = fakes.ShardWriter.append
    counter = Counter(append, 2 * last)  # the scores of the last-th fake

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(fakes.ShardWriter, "append", lambda self, row: counter(self, row))
        run_fakes(tutored, params())
    assert hashes(run_fakes(tutored, params())) == expected


def test_fakes_may_die_between_two_of_one_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tinyset.write_all(tmp_path / "artifacts")
    table = tmp_path / "artifacts/prepare/manifest.parquet"
    persons = pd.read_parquet(table)
    persons.assign(unpaired=[[1, 2]] * len(persons)).to_parquet(table)
    two = params(fakes={"per_person": 2})
    expected = hashes(run_fakes(tmp_path, two))
    counter = Counter(fakes.ShardWriter.append, 2 * 3 + 1)  # three fakes are whole by then

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(fakes.ShardWriter, "append", lambda self, row: counter(self, row))
        run_fakes(tmp_path, two)
    assert hashes(run_fakes(tmp_path, two)) == expected


def test_fakes_ask_for_the_room_of_those_that_are_still_to_be_made(
    tutored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    monkeypatch.setattr(fakes, "need", lambda folder, size, what: asked.append(size))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(dressing, "dressed", Counter(dressing.dressed, 2))
        run_fakes(tutored, params())
    run_fakes(tutored, params())
    each = PACKED_SHARE * 4 * SIZE[0] * SIZE[1]  # bytes of a picture and its mask
    assert asked == [4 * each, 2 * each]


def test_fakes_are_not_begun_on_a_disk_that_is_too_small(
    tutored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tutored)._replace(free=1000)
    monkeypatch.setattr("pfafn.stages.workplace.shutil.disk_usage", lambda _: usage)
    drawn = Counter(dressing.dressed)
    monkeypatch.setattr(dressing, "dressed", drawn)
    with pytest.raises(NoSpace, match="the fakes needs about .* are free: make room"):
        run_fakes(tutored, params())
    assert drawn.calls == 0
