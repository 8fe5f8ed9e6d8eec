"""Which skin the tutor's generator is told to draw anew."""

import pytest
import torch
from tinytrain import TINY, H, W, collated
from torch import Tensor, nn

from pfafn.models.generator import Rendered
from pfafn.models.geometry import grid_of
from pfafn.models.inputs import Wearer
from pfafn.models.parts import BodyPart, Parsing
from pfafn.models.redress import redress
from pfafn.models.tryon import TryOnNet
from pfafn.models.warp import Alignment, Warped

FOREARM = (slice(20, 30), slice(30, 60))  # rows, columns


class Upper(nn.Module):
    """A warp network whose garment covers the upper rows of the forearm, by three quarters."""

    def forward(self, condition: Tensor, garment: Tensor, mask: Tensor) -> Warped:
        covered = torch.zeros_like(mask)
        covered[..., :25, :] = 0.75
        offset = torch.zeros(len(garment), 2, H, W)
        return Warped(garment, covered, Alignment([grid_of(offset)], [offset], [offset]), [])


class Told(nn.Module):
    """A generator that keeps what it was told."""

    def forward(self, x: Tensor) -> Rendered:
        self.seen = x
        return Rendered(x[:, :3], x[:, :1])


@pytest.mark.parametrize(("bare", "under_the_garment"), [(None, 0.25), (False, 0.25), (True, 1.0)])
def test_covered_skin_is_drawn_only_where_it_is_in_front_of_the_garment(
    bare: bool | None, under_the_garment: float
) -> None:
    batch = collated(1)
    body_parts = torch.full((1, H, W), int(BodyPart.TORSO), dtype=torch.uint8)
    body_parts[:, *FOREARM] = BodyPart.LEFT_FOREARM
    parsing = torch.full_like(body_parts, Parsing.UPPER_CLOTHES)
    worn = Parsing.LEFT_ARM if bare else Parsing.UPPER_CLOTHES
    wearer = None if bare is None else Wearer(torch.full_like(parsing, worn), body_parts)
    tutor = TryOnNet("tutor", **TINY, generator=2).eval()
    tutor.warp, tutor.generator = Upper(), Told()
    annotation = batch.annotation._replace(parsing=parsing, body_parts=body_parts)
    redress(tutor, batch.person, annotation, batch.garment, wearer)
    limbs = tutor.generator.seen[:, 7:]
    expected = torch.zeros(1, 1, H, W)
    expected[..., *FOREARM] = 1
    expected[..., :25, :] *= under_the_garment
    torch.testing.assert_close(limbs, expected)
