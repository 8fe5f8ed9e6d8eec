"""The model that serves: looked up, tried, watched, and replaced whole."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pfafn import registry
from pfafn.inference import TryOn
from pfafn.inference.deployed import REGISTERED
from pfafn.kit.errors import UserError
from pfafn.kit.heap import give_back, weights_apart
from pfafn.photos.images import Pixels
from pfafn.studio.pair import drawn_pair
from pfafn.weights.model_file import ModelError

LOG = logging.getLogger("pfafn.serving")


class Found(NamedTuple):
    """Which model a source names at the moment."""

    file: str | Path  # a path, or models:/NAME/VERSION
    name: str
    version: str
    alias: str | None


class Loaded(NamedTuple):
    """A model that serves."""

    model: TryOn
    found: Found
    at: datetime

    @property
    def label(self) -> str:
        return f"{self.found.name}/{self.found.version}"


def look(source: str) -> Found:
    """Which model the path or models:/... stands for now; a file's version is when it was written.

    Raises RegistryError, or ModelError if there is no such file.
    """
    if source.startswith(REGISTERED):
        name, number = registry.number(source)
        alias = source.partition("@")[2] or None
        return Found(f"{REGISTERED}{name}/{number}", name, str(number), alias)
    path = Path(source)
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Found(path, path.name, f"{written:%Y%m%dT%H%M%S.%f}", None)


def load(found: Found) -> Loaded:
    """The model, after it has dressed a drawn person; ModelError if that is no picture."""
    with weights_apart():
        model = TryOn.load(found.file)
    worn = tried(model)
    if worn.shape != (*model.size, 3) or np.ptp(worn) == 0:
        raise ModelError(f"{found.file}: what it draws of a drawn person is blank")
    return Loaded(model, found, datetime.now(UTC))


def tried(model: TryOn) -> Pixels:
    """What it draws of a drawn person in another garment."""
    drawn = drawn_pair(model.size)
    return model.wear(drawn.photo.picture, drawn.garment.picture, drawn.garment.mask)


class Champion:
    """Holds the model of a source, and another one as soon as the source names another.

    The old one serves until the new one is loaded and tried, and goes on if that fails.
    """

    def __init__(self, source: str, told: Callable[[str], object] = lambda event: None) -> None:
        """told(event): with "swapped" or "kept" when another model has come or could not."""
        self.source, self.told = source, told
        self.loaded: Loaded | None = None
        self.trouble: str | None = None  # why the model that the source names is not the one loaded
        self.refused: Found | None = None

    def current(self) -> Loaded:
        assert self.loaded, "asked before there is a model"
        return self.loaded

    def warm(self) -> None:
        """Let the model's work be done once in this thread."""
        tried(self.current().model)

    def renew(self) -> None:
        """Load what the source names, unless it is there; raises what that may raise."""
        found = look(self.source)
        if self.loaded and found == self.loaded.found:
            self.trouble = self.refused = None
        elif found != self.refused:  # what failed once is not tried again and again
            try:
                self.loaded = load(found)
            except Exception:
                self.refused = found
                raise
            give_back()  # the holes that the old one leaves
            self.trouble = self.refused = None

    async def watch(self, seconds: float) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            before, trouble = self.loaded, self.trouble
            try:
                await asyncio.to_thread(self.renew)
            except UserError as error:
                self.trouble = str(error)
            except Exception as error:  # what a model file can do wrong is no reason to end
                LOG.exception("%s cannot be loaded", self.source)
                self.trouble = f"{self.source} cannot be loaded ({type(error).__name__})"
            if self.loaded is not before:
                self.told("swapped")
                LOG.warning("serving %s instead of %s", self.current().label,
                            before and before.label)  # fmt: skip
            elif self.trouble and self.trouble != trouble:
                self.told("kept")
                LOG.warning("still serving %s: %s", self.current().label, self.trouble)
