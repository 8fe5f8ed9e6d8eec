"""What the warp network gives where its flow points outside the garment's picture."""

import torch
from tinytrain import TINY
from torch import Tensor, nn

from pfafn.models.geometry import grid_of
from pfafn.models.tryon import TryOnNet
from pfafn.models.warp import Alignment

H, W = 32, 64


class Far(nn.Module):
    """A flow that fetches everything from far beyond the right border."""

    def forward(self, *_: object) -> Alignment:
        offset = torch.zeros(1, 2, H, W)
        offset[:, 0] = 2 * W
        return Alignment([grid_of(offset)], [offset], [offset])


def test_beyond_its_picture_a_garment_repeats_its_border_and_its_mask_is_empty() -> None:
    net = TryOnNet("student", **TINY, generator=None).eval()
    net.warp.flow = Far()
    garment: Tensor = torch.arange(float(W)).expand(1, 3, H, W)
    warped = net.warp(torch.zeros(1, 3, H, W), garment, torch.ones(1, 1, H, W))
    torch.testing.assert_close(warped.garment, torch.full((1, 3, H, W), W - 1.0))
    assert not warped.mask.any()
