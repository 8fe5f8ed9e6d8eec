"""What is computed together: every pair as alone, and each photo encoded once."""

import asyncio
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import photoset
import pytest

from pfafn.inference import TryOn
from pfafn.photos.checks import PictureError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.serving import batcher
from pfafn.serving.batcher import Batcher, Done, Pair, computed
from pfafn.serving.champion import Found, Loaded

PERSONS = [PersonPhoto.of(photoset.person(n, (80, 60))) for n in range(3)]
GARMENTS = [GarmentPhoto.of(*photoset.garment(n, (64, 96))) for n in range(3)]


@pytest.fixture(scope="module")
def loaded(weights: Path) -> Loaded:
    return Loaded(TryOn.load(weights), Found(weights, "m", "1", None), datetime.now(UTC))


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The photos that are encoded, as they are."""
    seen: list[Any] = []
    for name in ("encode_person", "encode_garment"):
        real = getattr(TryOn, name)
        monkeypatch.setattr(
            TryOn,
            name,
            lambda self, photo, *more, real=real: (seen.append(photo), real(self, photo, *more))[1],
        )
    return seen


def pair(person: int, garment: int, **more: Any) -> Pair:
    return Pair(PERSONS[person], f"p{person}", GARMENTS[garment], f"g{garment}", **more)


@pytest.mark.parametrize("at_once", [1, 2])
def test_every_pair_of_a_batch_is_as_it_is_alone(
    loaded: Loaded, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "DRAWN_AT_ONCE", {loaded.model.device.type: at_once})
    pairs = [
        pair(0, 0),
        pair(1, 2),
        pair(0, 2, explain=True),
        pair(2, 1, preserve=False),
        pair(0, 1),
    ]
    made = dict(computed(loaded, pairs))
    assert sorted(made) == [0, 1, 2, 3, 4]
    for number in (0, 1, 3, 4):
        photos = pairs[number].person, pairs[number].garment
        alone = loaded.model.try_on(*photos, preserve=pairs[number].preserve)
        np.testing.assert_allclose(made[number].images["worn"].astype(int), alone, atol=1)
    assert made[2].images.keys() == {"warped", "mask", "flow"}


def test_a_photo_that_several_hold_is_encoded_once(loaded: Loaded, encoded: list[Any]) -> None:
    list(computed(loaded, [pair(0, 0), pair(0, 1), pair(1, 0), pair(1, 1)]))
    assert list(map(id, encoded)) == [
        id(photo) for photo in (PERSONS[0], GARMENTS[0], GARMENTS[1], PERSONS[1])
    ]


def test_a_photo_is_forgotten_once_no_later_pair_holds_it(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[Any]] = []
    real = TryOn.encode_person

    def encode(self: TryOn, *given: Any) -> Any:
        known = real(self, *given)
        held.append(weakref.ref(known.image))
        return known

    monkeypatch.setattr(TryOn, "encode_person", encode)
    alive = [
        [ref() is not None for ref in held]
        for _ in computed(loaded, [pair(0, 0), pair(1, 0), pair(0, 1), pair(2, 0), pair(2, 1)])
    ]
    assert alive[3:] == [[False, False, True], [False, False, True]]


def test_a_pair_that_cannot_be_used_stops_no_other(loaded: Loaded) -> None:
    nothing = GARMENTS[0]._replace(mask=np.zeros_like(GARMENTS[0].mask))
    made = dict(computed(loaded, [pair(0, 1), Pair(PERSONS[0], "p0", nothing, "n"), pair(1, 1)]))
    assert isinstance(made[1], PictureError)
    assert isinstance(made[0], Done) and isinstance(made[2], Done)


def test_pairs_that_wait_are_computed_together_up_to_a_bound(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "computed", stand_in)
    assert asyncio.run(sizes(loaded, count=7, most=3)) == [3, 3, 1]


def test_who_has_gone_is_not_computed_for(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher, "computed", stand_in)
    assert asyncio.run(sizes(loaded, count=3, most=3, gone=1)) == [2]


def test_a_fault_in_a_batch_ends_no_later_one(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def both() -> list[Any]:
        running = Batcher(lambda: loaded, 1)
        task = asyncio.create_task(running.run())
        monkeypatch.setattr(batcher, "computed", broken)
        with pytest.raises(RuntimeError):
            await running.wear(pair(0, 0))
        monkeypatch.setattr(batcher, "computed", stand_in)
        done = await running.wear(pair(0, 0))
        task.cancel()
        return done

    assert asyncio.run(both()) is not None


def broken(by: Loaded, pairs: list[Pair], pose: Any) -> Iterator[Any]:
    raise RuntimeError


def stand_in(by: Loaded, pairs: list[Pair], pose: Any) -> Iterator[Any]:
    yield from ((number, Done({}, by, 0.0)) for number in range(len(pairs)))


async def sizes(loaded: Loaded, count: int, most: int, gone: int = 0) -> list[int]:
    """How many pairs each batch has, of pairs that all wait before the first one begins."""
    seen: list[int] = []
    running = Batcher(lambda: loaded, most, lambda batch: seen.append(len(batch)))
    asked = [asyncio.create_task(running.wear(pair(0, 0))) for _ in range(count)]
    await asyncio.sleep(0)
    for task in asked[:gone]:
        task.cancel()
    await asyncio.sleep(0)
    task = asyncio.create_task(running.run())
    await asyncio.gather(*asked[gone:])
    task.cancel()
    return seen
