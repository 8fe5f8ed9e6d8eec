"""What is computed together: every pair as alone, and each photo encoded once."""

import asyncio
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import photoset
import pytest

from pfafn.inference import TryOn
from pfafn.kit import machine
from pfafn.photos.checks import PictureError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.serving import batcher
from pfafn.serving.batcher import Batch, Batcher, Done, Outcome, Pair
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


def computed(loaded: Loaded, pairs: list[Pair], threads: int = 1) -> dict[int, Outcome]:
    """The outcome of every pair, by threads side by side."""
    together = Batch(loaded, pairs)
    with ThreadPoolExecutor(threads) as lanes:
        shares = [lanes.submit(lambda: list(together.outcomes())) for _ in range(threads)]
    told = [outcome for share in shares for outcome in share.result()]
    assert sorted(number for number, _ in told) == list(range(len(pairs)))
    return dict(told)


@pytest.mark.parametrize(("at_once", "threads"), [(1, 1), (2, 1), (1, 3)])
def test_every_pair_of_a_batch_is_as_it_is_alone(
    loaded: Loaded, at_once: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "DRAWN_AT_ONCE", {loaded.model.device.type: at_once})
    pairs = [
        pair(0, 0),
        pair(1, 2),
        pair(0, 2, explain=True),
        pair(2, 1, preserve=False),
        pair(0, 1),
    ]
    made = computed(loaded, pairs, threads)
    for number in (0, 1, 3, 4):
        photos = pairs[number].person, pairs[number].garment
        alone = loaded.model.try_on(*photos, preserve=pairs[number].preserve)
        np.testing.assert_allclose(made[number].images["worn"].astype(int), alone, atol=1)
    assert made[2].images.keys() == {"warped", "mask", "flow"}


def test_a_photo_that_several_hold_is_encoded_once(loaded: Loaded, encoded: list[Any]) -> None:
    computed(loaded, [pair(0, 0), pair(0, 1), pair(1, 0), pair(1, 1)])
    assert list(map(id, encoded)) == [
        id(photo) for photo in (PERSONS[0], GARMENTS[0], GARMENTS[1], PERSONS[1])
    ]


def test_nor_do_threads_side_by_side_encode_it_twice(loaded: Loaded, encoded: list[Any]) -> None:
    pairs = [pair(person, garment) for person in range(2) for garment in range(3)]
    for _ in range(5):
        computed(loaded, pairs, threads=3)
    assert len(encoded) == 5 * (2 + 3)


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
    pairs = [pair(0, 0), pair(1, 0), pair(0, 1), pair(2, 0), pair(2, 1)]
    alive = [[ref() is not None for ref in held] for _ in Batch(loaded, pairs).outcomes()]
    assert alive[3:] == [[True, False, True], [False, False, True]]


def test_pairs_that_have_a_photo_in_common_follow_each_other() -> None:
    strip = [pair(0, 0), pair(1, 1), pair(0, 2), pair(1, 0)]
    shop = [pair(0, 0), pair(1, 1), pair(2, 0), pair(0, 1)]
    assert batcher.in_order(strip) == [0, 2, 1, 3]
    assert batcher.in_order(shop) == [0, 2, 1, 3]


def test_no_more_photos_are_held_than_a_bound_however_many_are_shared(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "HELD", 1)
    held: list[int] = []
    real = Batch._encoded

    def encode(self: Batch, given: Pair) -> Any:
        known = real(self, given)
        held.append(len(self.known))
        return known

    monkeypatch.setattr(Batch, "_encoded", encode)
    made = computed(loaded, [pair(0, 0), pair(0, 1), pair(1, 1), pair(1, 0)], threads=2)
    assert all(isinstance(outcome, Done) for outcome in made.values())
    assert max(held) == 1


def test_a_pair_that_cannot_be_used_stops_no_other(loaded: Loaded) -> None:
    nothing = GARMENTS[0]._replace(mask=np.zeros_like(GARMENTS[0].mask))
    made = computed(loaded, [pair(0, 1), Pair(PERSONS[0], "p0", nothing, "n"), pair(1, 1)])
    assert isinstance(made[1], PictureError)
    assert isinstance(made[0], Done) and isinstance(made[2], Done)


@pytest.mark.parametrize("part", ["encode_garment", "dress"])
def test_nor_does_a_fault_of_ours(
    loaded: Loaded, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = getattr(TryOn, part), iter(range(9))

    def second_fails(self: TryOn, *given: Any, **how: Any) -> Any:
        if next(calls) == 1:
            raise RuntimeError
        return real(self, *given, **how)

    monkeypatch.setattr(TryOn, part, second_fails)
    made = computed(loaded, [pair(0, 0), pair(0, 1), pair(0, 2)])
    assert [type(made[number]) for number in range(3)] == [Done, RuntimeError, Done]


def test_pairs_that_wait_are_computed_together_up_to_a_bound(loaded: Loaded) -> None:
    assert asyncio.run(sizes(loaded, count=7, most=3)) == [3, 3, 1]


def test_who_has_gone_is_not_computed_for(loaded: Loaded) -> None:
    assert asyncio.run(sizes(loaded, count=3, most=3, gone=1)) == [2]


@pytest.mark.skipif(machine.device().type != "cpu", reason="a GPU draws in batches")
def test_on_several_cores_pairs_that_wait_are_computed_side_by_side(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, real = threading.Barrier(2), TryOn.encode_person
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)

    def encode(self: TryOn, *given: Any) -> Any:
        both.wait(timeout=20)  # until the other one is here
        return real(self, *given)

    monkeypatch.setattr(TryOn, "encode_person", encode)

    async def worn() -> list[Done]:
        running = Batcher(lambda: loaded, 2)
        asked = [asyncio.create_task(running.wear(pair(number, number))) for number in range(2)]
        await asyncio.sleep(0)
        task = asyncio.create_task(running.run())
        done = await asyncio.gather(*asked)
        task.cancel()
        running.shutdown()
        return done

    assert [type(done) for done in asyncio.run(worn())] == [Done, Done]


@pytest.mark.skipif(machine.device().type != "cpu", reason="a GPU has one thread")
def test_before_the_first_request_every_thread_has_done_the_work_once(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 3)
    running, seen = Batcher(lambda: loaded, 8), []
    asyncio.run(running.warm(lambda: seen.append(threading.get_ident())))
    running.shutdown()
    assert len(seen) == len(set(seen)) == 1 + 3


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
    running.shutdown()
    return seen
