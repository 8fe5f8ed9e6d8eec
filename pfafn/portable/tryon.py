"""A try-on from an ONNX file, which `pfafn export-onnx` wrote: without torch."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pfafn.inference.seen import Seen
from pfafn.kit.errors import ModelError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import Pixels
from pfafn.photos.usable import fitted_garment
from pfafn.photos.warping import Drawn, OwnGarment

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SUFFIX = ".onnx"
THREADS = "OMP_NUM_THREADS"


class Device(NamedTuple):
    """Where it computes, told as torch tells it."""

    type: str = "cpu"


class KnownGarment(NamedTuple):
    """A garment's photo and mask at the model's size, and the garment at its own."""

    rgb: Pixels
    mask: Pixels
    own: OwnGarment


class OnnxTryOn:
    """The student of an ONNX file: used as `pfafn.inference.TryOn` is."""

    device = Device()

    def __init__(self, running: "InferenceSession", size: tuple[int, int]) -> None:
        """size: (height, width) at which it works."""
        self.running, self.size = running, size

    @classmethod
    def load(cls, source: str | Path) -> Self:
        """Load an ONNX file. Raises ModelError if it is missing or none that `export-onnx` wrote.

        Model files and registered models need torch, which is not installed if it is this class
        that they are asked of.
        """
        if not is_portable(source):
            raise ModelError(
                f"{source}: only an {SUFFIX} of `export-onnx` runs without torch; install torch, "
                "or export this model where it is installed"
            )
        if not Path(source).is_file():
            raise ModelError(f"no model at {source}")
        running = session(source)
        card = json.loads(running.get_modelmeta().custom_metadata_map.get("card", "null"))
        if not isinstance(card, dict) or "image" not in card:
            raise ModelError(f"{source}: has no card; write it anew with `export-onnx`")
        if missing := set(Drawn._fields) - {output.name for output in running.get_outputs()}:
            raise ModelError(
                f"{source}: was written by an older version, without {', '.join(sorted(missing))}; "
                "write it anew with `export-onnx`"
            )
        height, width = card["image"]
        return cls(running, (height, width))

    def wear(
        self,
        person: Pixels,
        garment: Pixels,
        mask: Pixels | None = None,
        *,
        preserve: bool | None = None,
        pose: NDArray[np.floating] | None = None,
    ) -> Pixels:
        """As TryOn.wear."""
        photos = PersonPhoto.of(person), GarmentPhoto.of(garment, mask)
        return self.try_on(*photos, preserve=preserve, pose=pose)

    def try_on(
        self,
        person: PersonPhoto,
        garment: GarmentPhoto,
        *,
        preserve: bool | None = None,
        pose: NDArray[np.floating] | None = None,
    ) -> Pixels:
        """As TryOn.try_on."""
        pair = self.encode_person(person, pose), self.encode_garment(garment)
        return self.dress([pair], preserve=preserve)[0]

    def encode_person(self, person: PersonPhoto, pose: NDArray[np.floating] | None = None) -> Seen:
        """What of a try-on depends on the person alone; the network is asked about pairs only."""
        return Seen.of(person.rgb, pose, self.size)

    def encode_garment(self, garment: GarmentPhoto) -> KnownGarment:
        """What of a try-on depends on the garment alone; errors as of `try_on`."""
        fitted = fitted_garment(garment, self.size)
        return KnownGarment(fitted.rgb, fitted.mask, OwnGarment.of(garment, self.size))

    def dress(
        self, pairs: Sequence[tuple[Seen, KnownGarment]], *, preserve: bool | None = None
    ) -> list[Pixels]:
        """The try-on of every pair, uint8 RGB [H, W, 3] of the person's size; one batch."""
        persons, garments = zip(*pairs, strict=True)
        given = {
            "person": np.stack([person.shown for person in persons]),
            "garment": np.stack([garment.rgb for garment in garments]),
            "mask": np.stack([garment.mask for garment in garments]),
        }
        made = zip(persons, garments, *self.running.run(Drawn._fields, given), strict=True)
        return [
            person.worn(Drawn(*of_one), garment.own, preserve) for person, garment, *of_one in made
        ]


def is_portable(source: str | Path) -> bool:
    """Whether a model's name is that of an ONNX file."""
    return Path(source).suffix == SUFFIX


def session(source: str | Path | bytes) -> "InferenceSession":
    """What runs an ONNX file, or its bytes, on the CPU, by OMP_NUM_THREADS threads if it is set.

    Raises ModelError if it is none, or onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise ModelError(f"{SUFFIX} needs onnxruntime: `pip install onnxruntime`") from error
    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get(THREADS, 0))
    options.log_severity_level = 3  # errors: of what it can do nothing about it warns
    given = source if isinstance(source, bytes) else str(source)
    try:
        return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it has a dozen, of no common kind
        name = "what was written" if isinstance(source, bytes) else source
        raise ModelError(f"{name}: not a readable ONNX file ({error!s:.200})") from error
