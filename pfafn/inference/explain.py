"""What a try-on is made of, as pictures: the warped garment, its mask on the person, the flow."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pfafn.inference.folders import Job
from pfafn.inference.tryon import EncodedGarment, EncodedPerson, TryOn
from pfafn.inference.writing import write_picture
from pfafn.models.geometry import flow_of
from pfafn.models.tryon import Worn
from pfafn.photos.images import Pixels
from pfafn.photos.tensors import to_bytes

TINT = (1.0, -0.6, 0.6)  # of what shows the garment, in [-1, 1]: on no person
STRENGTH = 0.6  # of the tint
SQUARES = 12  # along the longer side of the garment's picture
STILL = 1e-6  # pixels: no motion
FADED = 0.25  # what a line of the garment's picture leaves of the colour


def folder(out: Path) -> Path:
    """Where the explanation of a result lies: NAME.explain beside it."""
    return out.with_suffix(".explain")


class Explanation(NamedTuple):
    """What a try-on is made of: pictures of the person's size by name, and what they amount to."""

    pictures: dict[str, Pixels]
    numbers: dict[str, Any]


def explain(
    model: TryOn, job: Job, person: EncodedPerson, garment: EncodedGarment, told: Mapping[str, Any]
) -> None:
    """Write what a job's try-on is made of into its folder.

    warped.png, mask.png, flow.png: of the person's size; notes.json: what is told of the job, and
    the numbers of `explanation`.
    """
    made = explanation(model, person, garment)
    for name, drawn in made.pictures.items():
        write_picture(folder(job.out) / f"{name}.png", drawn)
    text = json.dumps({**told, **made.numbers}, indent=2, sort_keys=True)
    (folder(job.out) / "notes.json").write_text(f"{text}\n")


@torch.inference_mode()
def explanation(model: TryOn, person: EncodedPerson, garment: EncodedGarment) -> Explanation:
    """What the try-on of a pair is made of: the pictures warped, mask and flow.

    The numbers: how much of the photo the garment covers and how far it moved, in pixels of the
    model's size.
    """
    worn = model.made_of(person, garment)
    flow = flow_of(worn.warped.alignment.grid.float())
    drawn = {
        name: person.seen.with_all(image[0].cpu().numpy())
        for name, image in pictures(worn, person.image, flow).items()
    }
    covered = worn.warped.mask[0, 0].float()
    moved = flow[0].norm(dim=0)[covered > 0.5]
    numbers = {
        "model_size": list(model.size),
        "covered": round(float(covered.mean()), 4),
        "shown": round(float(worn.mask.float().mean()), 4),
        "moved_mean": round(float(moved.mean()), 2) if len(moved) else None,
        "moved_most": round(float(moved.max()), 2) if len(moved) else None,
    }
    return Explanation(drawn, numbers)


def pictures(worn: Worn, person: Tensor, flow: Tensor) -> dict[str, Tensor]:
    """The pictures of an explanation, uint8 [1, H, W, 3], of a batch of one.

    person [1, 3, H, W] in [-1, 1]; flow [1, 2, H, W] in pixels. warped: the garment where the flow
    has put it, on white; mask: what of the try-on it is, tinted on the person; flow: as of `wheel`,
    on white.
    """
    mask, share = worn.warped.mask.float(), STRENGTH * worn.mask.float()
    tint = person.new_tensor(TINT).view(1, 3, 1, 1)
    coloured = wheel(flow[0].cpu().numpy(), mask[0, 0].cpu().numpy() > 0.5)
    coloured = torch.from_numpy(coloured).to(person.device).movedim(-1, 0)[None]
    return {
        "warped": to_bytes(worn.warped.garment * mask + 1 - mask),
        "mask": to_bytes(person * (1 - share) + tint * share),
        "flow": to_bytes((coloured / 127.5 - 1) * mask + 1 - mask),
    }


def wheel(flow: NDArray[np.float32], within: NDArray[np.bool_]) -> Pixels:
    """A flow [2, H, W], in pixels, as the field draws it: uint8 RGB [H, W, 3].

    The hue says in which direction the garment's pixel lies, red to the right and yellow-green
    below; the purer, the farther, up to the farthest `within` [H, W]. Dark lines divide the
    garment's picture into even squares.
    """
    height, width = flow.shape[1:]
    far = np.hypot(*flow)
    hue = np.arctan2(flow[1], flow[0]) % (2 * math.pi) * (180 / math.pi)
    purity = (far / far.max(initial=STILL, where=within)).clip(max=1)
    colour = np.stack([hue, purity, np.ones_like(far)], axis=-1).astype(np.float32)
    rgb = cv2.cvtColor(colour, cv2.COLOR_HSV2RGB)
    # A line is where the next square begins: one pixel wide, however the squares are stretched.
    square = (flow + np.indices((height, width))[::-1]) // (max(height, width) / SQUARES)
    line = [np.diff(square, axis=axis, prepend=square.take([0], axis)) != 0 for axis in (1, 2)]
    line = np.any(line, axis=(0, 1))
    return np.where(line[..., None], rgb * FADED, rgb).dot(255).round().astype(np.uint8)
