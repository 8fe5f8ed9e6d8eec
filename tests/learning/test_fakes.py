"""Which fakes the tutor makes: of every person one in each of its unpaired garments, in order."""

from pathlib import Path

import pandas as pd
import pytest
import tinyset

from pfafn.learning.fakes import Dresser, StoredFake
from pfafn.params.file import Params
from pfafn.photos.images import unpack

OTHERS = [[1, 2], [2, 0], [0, 1], [2, 1]]  # what each train person tries on


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tinyset.write_all(tmp_path_factory.mktemp("project") / "artifacts", truth=False)
    manifest = pd.read_parquet(folder / "prepare" / "manifest.parquet")
    manifest["unpaired"] = OTHERS + [[0, 1]] * 3
    manifest.to_parquet(folder / "prepare" / "manifest.parquet")
    return folder


def made(artifacts: Path, persons: range, batch: int = 2, **how: bool | int) -> list[StoredFake]:
    raw = tinyset.params().model_dump(by_alias=True)
    raw["prepare"]["unpaired"] = 2
    raw["fakes"] |= {"per_person": 2, "batch": batch, **how}
    return list(Dresser(Params.model_validate(raw), artifacts).fakes(persons, 0))


@pytest.fixture(scope="module")
def fakes(artifacts: Path) -> list[StoredFake]:
    """Those of all four."""
    return made(artifacts, range(4))


def test_person_by_person_each_wears_its_garments_in_turn(fakes: list[StoredFake]) -> None:
    rows = [tuple(fake.scores[name] for name in ("item", "k", "garment")) for fake in fakes]
    assert rows == [(item, k, OTHERS[item][k]) for item in range(4) for k in range(2)]


def test_from_whole_batches_on_the_fakes_are_the_same(
    fakes: list[StoredFake], artifacts: Path
) -> None:
    assert made(artifacts, range(2, 4)) == fakes[4:]


def test_the_photo_shows_beside_the_old_clothes_edge_and_nowhere_if_nothing_is_kept(
    artifacts: Path,
) -> None:
    ways = {"narrow": (True, 0), "whole": (True, max(tinyset.SIZE)), "none": (False, 0)}
    shown = {
        name: [fake.pictures for fake in made(artifacts, range(2), keep=keep, edge=edge)]
        for name, (keep, edge) in ways.items()
    }
    assert shown["whole"] == shown["none"] != shown["narrow"]


def test_the_mask_is_that_of_the_scores(fakes: list[StoredFake]) -> None:
    for fake in fakes:
        mask = unpack(fake.pictures["mask"], tinyset.SIZE)
        assert mask.mean() / 255 == pytest.approx(fake.scores["area"], abs=1 / 255)
