"""Signs that a network has found an easy way out, watched while it trains; they cost no gradient.

warped_area     area of the warped garment, as a share of the clothes it should cover
flow_outside    share of the clothes whose source lies outside the garment's picture
tryon_change    how much the try-on differs from the picture it was made from, as a share of how
                much it should (student, where the clothes are)
"""

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pfafn.kit.joint import joint_divisor
from pfafn.kit.progress import tell
from pfafn.models.warp import Warped

PATIENCE = 5  # rows of the loss curve, one after the other, that must show a sign
SOUND = {
    "warped_area": ("at least", 0.1, "the warped garment vanishes"),
    "tryon_change": ("at least", 0.1, "the try-on is the picture it was made from"),
    "flow_outside": ("at most", 0.5, "the flow points outside the garment's picture"),
}
WORSE = {"at least": operator.lt, "at most": operator.gt}


@torch.no_grad()
def warp_signs(warped: Warped, clothes_mask: Tensor) -> dict[str, Tensor]:
    """warped_area and flow_outside of a batch. clothes_mask [B, 1, H, W] in {0, 1}."""
    covered = joint_divisor(clothes_mask.sum())
    outside = (warped.alignment.grid.abs() > 1).any(dim=1, keepdim=True)
    return {
        "warped_area": warped.mask.float().sum() / covered,
        "flow_outside": (outside * clothes_mask).sum() / covered,
    }


@torch.no_grad()
def tryon_sign(
    tryon: Tensor, given: Tensor, photo: Tensor, clothes_mask: Tensor
) -> dict[str, Tensor]:
    """tryon_change of a batch: try-on, what the network saw and the photo, all [B, 3, H, W]."""
    changed = ((tryon - given).abs() * clothes_mask).float().sum()
    needed = ((photo - given).abs() * clothes_mask).float().sum()
    return {"tryon_change": changed / joint_divisor(needed)}


def alarms(history: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What the last rows of a loss curve show, by sign; empty if all is well."""
    last = history[-PATIENCE:]
    if len(last) < PATIENCE:
        return {}
    return {
        sign: f"{meaning} ({sign} {last[-1][sign]:.3f}, {side} {limit} is sound)"
        for sign, (side, limit, meaning) in SOUND.items()
        if all(WORSE[side](row.get(sign, limit), limit) for row in last)
    }


class Alarm:
    """Says on standard error when a training begins to show a sign."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.told: set[str] = set()

    def look(self, rows: Sequence[dict[str, Any]]) -> None:
        """Look at the curve's last rows."""
        shown = alarms(rows)
        for sign in shown.keys() - self.told:
            tell(f"ALARM {self.name}, step {rows[-1]['step']}: {shown[sign]}")
        self.told = set(shown)
