"""Where a loss or a sign looks, and where it does not."""

import torch

from pfafn.learning.collapse import tryon_sign
from pfafn.learning.losses import warp_terms
from pfafn.models.geometry import grid_of
from pfafn.models.warp import Alignment

H, W = 32, 64


def test_a_mask_that_was_moved_out_of_the_picture_covers_nothing() -> None:
    offset = torch.zeros(1, 2, H, W)
    offset[:, 0] = 2 * W
    away = Alignment([grid_of(offset)], [offset], [offset])
    picture, ones = torch.rand(1, 3, H, W), torch.ones(1, 1, H, W)
    nothing = warp_terms(away, picture, ones, picture, torch.zeros_like(ones), None)
    everything = warp_terms(away, picture, ones, picture, ones, None)
    assert (nothing.mask.item(), everything.mask.item()) == (0, 1)


def test_a_try_on_that_changes_what_need_not_change_is_not_taken_for_one_that_changes() -> None:
    seen, clothes = torch.zeros(1, 3, H, W), torch.zeros(1, 1, H, W)
    clothes[..., : W // 2] = 1
    photo = seen + 0.5
    beside = seen + (1 - clothes)
    assert tryon_sign(beside, seen, photo, clothes)["tryon_change"] == 0
    assert tryon_sign(photo, seen, beside + photo, clothes)["tryon_change"] == 1
