"""The model that serves is watched: another one comes whole or not at all."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tinyset
from shop import PAIR, serving

from pfafn import registry
from pfafn.inference import TryOn
from pfafn.kit.errors import UserError
from pfafn.serving import champion
from pfafn.serving.champion import Champion, Found, Loaded, load, look
from pfafn.weights.model_file import ModelError


@pytest.fixture(scope="module")
def model(weights: Path) -> TryOn:
    return TryOn.load(weights)


class Alias:
    """What the registry says of the champion; its versions have one model."""

    number = 1
    loads = 0


@pytest.fixture
def alias(model: TryOn, monkeypatch: pytest.MonkeyPatch) -> Alias:
    told = Alias()

    def load(found: Found) -> Loaded:
        told.loads += 1
        return Loaded(model, found, datetime.now(UTC))

    monkeypatch.setattr(registry, "number", lambda uri: ("s", told.number))
    monkeypatch.setattr(champion, "load", load)
    return told


def test_a_new_champion_is_served_without_a_restart(alias: Alias) -> None:
    with serving("models:/s@champion") as client:
        before = client.get("/v1/model").json()
        alias.number = 2
        client.app.state.service.champion.renew()
        after = client.get("/v1/model").json()
        answer = client.post("/v1/tryon", files=PAIR).json()
    assert (before["version"], after["version"], after["alias"]) == ("1", "2", "champion")
    assert answer["model_version"] == "s/2"


def test_nothing_is_loaded_while_the_alias_stays(alias: Alias) -> None:
    held = Champion("models:/s@champion")
    held.renew()
    held.renew()
    assert alias.loads == 1


def test_the_old_one_serves_on_where_the_new_one_cannot(
    alias: Alias, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Found] = []

    def fails(found: Found) -> Loaded:
        tried.append(found)
        raise ModelError("the file is cut short")

    told: list[str] = []
    held = Champion("models:/s@champion", told.append)
    held.renew()
    monkeypatch.setattr(champion, "load", fails)
    alias.number = 2
    watch(held, looks=3)
    assert held.current().found.version == "1"
    assert held.trouble == "the file is cut short"
    assert (told, len(tried)) == (["kept"], 1)  # once, not at every look
    alias.number = 1
    watch(held, looks=1)
    assert held.trouble is None


def test_a_registry_that_cannot_be_read_is_told_and_ends_nothing(
    alias: Alias, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Champion("models:/s@champion")
    held.renew()

    def gone(uri: str) -> Any:
        raise UserError("no registry")

    monkeypatch.setattr(registry, "number", gone)
    watch(held, looks=2)
    assert (held.current().found.version, held.trouble) == ("1", "no registry")


def watch(held: Champion, looks: int) -> None:
    """Let it look so often."""
    left = [looks]
    real = held.renew

    def counted() -> None:
        left[0] -= 1
        real()

    async def until() -> None:
        held.renew = counted  # type: ignore[method-assign]
        task = asyncio.create_task(held.watch(0.001))
        while left[0] > 0:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        task.cancel()
        held.renew = real  # type: ignore[method-assign]

    asyncio.run(until())


def test_a_file_is_another_model_once_it_is_written_anew(tmp_path: Path) -> None:
    file = tinyset.write_model(tmp_path / "m.safetensors")
    before = look(str(file))
    assert look(str(file)) == before
    tinyset.write_model(file)
    assert look(str(file)).version > before.version


def test_a_model_that_draws_a_blank_is_not_taken(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(champion.TryOn, "wear", lambda self, person, *rest: person * 0)
    with pytest.raises(ModelError, match="is blank"):
        load(look(str(weights)))


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no.safetensors: no such model file"):
        Champion(str(tmp_path / "no.safetensors")).renew()
