"""A parser of our own as a file, and what it says of a photo."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from pfafn.models.parser import Parser, joints
from pfafn.photos.fitting import fit, placement, unfit_points
from pfafn.photos.images import WHITE
from pfafn.photos.tensors import picture_tensor
from pfafn.weights import content
from pfafn.weights.content import ModelError

ROLE = "parser"
SEEN = 0.5  # a joint that is less likely to be seen counts as missing
Size = tuple[int, int]  # height, width


class Seen(NamedTuple):
    """What the parser says of a photo [H, W]."""

    parsing: NDArray[np.uint8]  # [H, W], ids of `Parsing`
    keypoints: NDArray[np.float32]  # [18, 3]: x, y in pixels, score; 0, 0, 0 if not to be seen


class PhotoParser:
    """A trained parser for photos of any size.

    size: of the pictures that it was trained on.
    """

    def __init__(self, net: Parser, size: Size) -> None:
        self.net, self.size = net.eval(), size

    @classmethod
    def load(cls, path: Path) -> tuple["PhotoParser", dict[str, Any]]:
        """A parser and its file's card. Raises ModelError if the file is none, or is damaged."""
        card = content.read_card(path)
        if card.get("role") != ROLE:
            raise ModelError(f"{path}: role is {card.get('role')}, expected {ROLE}")
        weights = content.read_weights(path)
        content.check_content(path, card, weights)
        net = Parser(card["width"])
        content.load_strictly(net, weights, path)
        return cls(net, tuple(card["image"])), card

    @torch.inference_mode()
    def see(self, rgb: NDArray[np.uint8]) -> Seen:
        """Parse a photo uint8 [H, W, 3]; another shape than the trained one is letterboxed."""
        shape = rgb.shape[:2]
        fitted = fit(rgb, self.size, interpolation="smooth", fill=WHITE)
        parsed = self.net(picture_tensor(fitted)[None])
        place = placement(shape, self.size)
        shown = parsed.parsing[
            :, :, place.top : place.top + place.height, place.left : place.left + place.width
        ]
        if shown.shape[2:] != shape:
            shown = F.interpolate(shown, shape, mode="bilinear", align_corners=False)
        parsing = shown.argmax(dim=1)[0].to(torch.uint8).numpy()
        points = joints(parsed.places, self.size)[0].numpy()
        points[points[:, 2] < SEEN] = 0
        return Seen(parsing, unfit_points(points, shape, self.size))
