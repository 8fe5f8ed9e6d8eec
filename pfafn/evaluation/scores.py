"""What one try-on is worth: per-sample scores against the truth.

Pictures are compared as a user gets them, rounded to 8 bits, with a value range of 0 to 1. A score
that cannot be known (no truth, no flow) is NaN.
"""

import math
from typing import NamedTuple

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torchmetrics.functional.classification import binary_jaccard_index
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from pfafn.evaluation.colour import difference
from pfafn.evaluation.metrics import METRICS
from pfafn.evaluation.truth import Truth
from pfafn.models.geometry import flow_of
from pfafn.models.parts import Parsing
from pfafn.photos.tensors import to_pixels

BEST_PSNR = 100.0  # dB, what equal pictures count: their ratio is infinite
KEPT = {
    "psnr_face": Parsing.FACE, "psnr_hair": Parsing.HAIR, "psnr_lower": Parsing.LOWER_CLOTHES,
}  # fmt: skip
LEAST = 1e-3  # share of the picture below which a group counts as not there: mere edges
WARPED = 0.5  # a warped mask shows the garment above this value


class Outcome(NamedTuple):
    """One try-on."""

    image: Tensor  # float [3, H, W] in [0, 1]
    mask: Tensor | None = None  # float [1, H, W] in [0, 1], the warped garment mask
    grid: Tensor | None = None  # float [2, H, W] in [-1, 1], where the garment was sampled


class Dressed(NamedTuple):
    """What one model made of a batch; the warp is None where there was none."""

    image: Tensor  # [B, 3, H, W] in [-1, 1]
    garment: Tensor | None = None  # [B, 3, H, W] in [-1, 1], warped; background 0
    mask: Tensor | None = None  # [B, 1, H, W] in [0, 1]
    grid: Tensor | None = None  # [B, 2, H, W] in [-1, 1]

    def outcome(self, i: int) -> Outcome:
        """Sample i for scoring, rounded to 8 bits as it would be saved; NaN stays NaN."""
        image = torch.from_numpy(to_pixels(self.image[i : i + 1])[0]).movedim(-1, 0) / 255
        finite = torch.isfinite(self.image[i]).all().cpu()
        image = torch.where(finite, image, torch.nan)
        warp = (None if t is None else t[i].float().cpu() for t in (self.mask, self.grid))
        return Outcome(image, *warp)


def scores(made: Outcome, truth: Truth) -> dict[str, float]:
    """Every one of METRICS for one sample."""
    values = dict.fromkeys(METRICS, math.nan)
    if truth.image is not None:
        if truth.whole:
            values["ssim"] = ssim(made.image, truth.image)
            values["psnr"] = psnr(made.image, truth.image)
        if truth.region is not None:
            if truth.whole:
                values["psnr_clothes"] = psnr_within(made.image, truth.image, truth.region)
            values["ssim_kept"] = ssim_within(made.image, truth.image, ~truth.region)
        if truth.region is not None and truth.parsing is not None:
            for name, part in KEPT.items():
                stays = (truth.parsing == part) & ~truth.region
                values[name] = psnr_within(made.image, truth.image, stays)
        values |= of_groups(made.image, truth)
    if made.mask is not None and truth.clothes is not None:
        values["iou"] = iou(made.mask, truth.clothes)
    if made.grid is not None and truth.flow is not None:
        values["epe"] = end_point_error(made.grid, truth.flow, truth.visible)
    return values


def of_groups(image: Tensor, truth: Truth) -> dict[str, float]:
    """The colour of new skin, and whether hands are in front; only of those that are there."""
    there = {name: where for name, where in truth.groups().items() if where.float().mean() >= LEAST}
    values = {}
    if "skin" in there:
        values["skin"] = colour_error(image, truth.image, there["skin"])
    if "hands" in there:
        values["hands"] = in_front(image, truth, there["hands"])
    return values


def colour_error(image: Tensor, target: Tensor, region: Tensor) -> float:
    """Mean CIEDE2000 of the pixels in region bool [1, H, W]."""
    inside = region[0]
    return float(difference(image[:, inside], target[:, inside]).mean())


def in_front(image: Tensor, truth: Truth, region: Tensor) -> float:
    """1 if what is seen in region bool [1, H, W] looks like the truth, 0 if like the cloth.

    That is the cloth nearest to each pixel in the true picture; the mean CIEDE2000 decides.
    """
    hidden = ~truth.clothes[0].numpy()
    nearest = distance_transform_edt(hidden, return_distances=False, return_indices=True)
    cloth = truth.image[:, *map(torch.from_numpy, nearest)]
    behind = colour_error(image, cloth, region)
    return float(colour_error(image, truth.image, region) < behind)


def ssim(image: Tensor, target: Tensor) -> float:
    """Structural similarity of [3, H, W] pictures, 11x11 Gaussian window, up to 1."""
    # Flat areas lose 1e-4 to rounding in float32; float64 would take twenty times as long.
    return float(structural_similarity_index_measure(image[None], target[None], data_range=1.0))


def ssim_within(image: Tensor, target: Tensor, region: Tensor) -> float:
    """ssim() of the windows around the pixels in region bool [1, H, W]; NaN if there are none.

    What lies outside the region counts as right, also where a window sees it.
    """
    if not region.any():
        return math.nan
    seen = torch.where(region, image, target)
    _, each = structural_similarity_index_measure(
        seen[None], target[None], data_range=1.0, return_full_image=True
    )
    return float(each[0, :, region[0]].mean())


def psnr(image: Tensor, target: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of equally shaped values in [0, 1], at most BEST_PSNR."""
    return min(float(peak_signal_noise_ratio(image, target, data_range=1.0)), BEST_PSNR)


def psnr_within(image: Tensor, target: Tensor, region: Tensor) -> float:
    """psnr() of the pixels in region bool [1, H, W]; NaN if there are none."""
    inside = region[0]
    return psnr(image[:, inside], target[:, inside]) if inside.any() else math.nan


def iou(mask: Tensor, clothes: Tensor) -> float:
    """Intersection over union of a warped mask with the clothes [1, H, W]; NaN if neither is."""
    shown = mask > WARPED
    if not (shown.any() or clothes.any()):
        return math.nan
    return float(binary_jaccard_index(shown.int(), clothes.int()))


def end_point_error(grid: Tensor, flow: Tensor, visible: Tensor) -> float:
    """Mean distance in pixels of the flow behind grid to the true flow, where that is known."""
    if not visible.any():
        return math.nan
    distance = torch.linalg.vector_norm(flow_of(grid[None])[0] - flow, dim=0)
    return float(distance[visible[0]].mean())
