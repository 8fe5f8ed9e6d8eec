"""What a try-on must beat: doing nothing, and pasting the garment flat onto the torso."""

import torch
from torch import Tensor

from pfafn.evaluation.scores import Dressed
from pfafn.models.geometry import half_extent, warp
from pfafn.models.parts import Keypoint

SHOULDERS = (Keypoint.RIGHT_SHOULDER, Keypoint.LEFT_SHOULDER)
HIPS = (Keypoint.RIGHT_HIP, Keypoint.LEFT_HIP)
SIDE_MARGIN = 0.35  # of the shoulders' distance on each side: sleeves and the body's own width
TOP_MARGIN = 0.2  # of the torso's height above the shoulder joints: the collar
BOTTOM_MARGIN = 0.15  # and below the hip joints: the hem
USUAL_TORSO = 1.5  # torso height per shoulder width, where the hips are not in the picture
USUAL_BOX = (0.25, 0.2, 0.75, 0.65)  # left, top, right, bottom of a torso in an unknown pose


Box = tuple[float, float, float, float]  # left, top, right, bottom


def paste_on_torso(person: Tensor, garment: Tensor, mask: Tensor, keypoints: Tensor) -> Dressed:
    """Scale the garment's bounding box onto the torso's and paste it by its mask.

    person, garment [B, 3, H, W] in [-1, 1], garment background 0; mask [B, 1, H, W] in {0, 1};
    keypoints [B, 18, 3] in pixels.
    """
    size = (person.shape[-2], person.shape[-1])
    boxes = [torso_box(points, size) for points in keypoints]
    grids = [box_grid(bounding_box(m), box, m) for m, box in zip(mask, boxes, strict=True)]
    grid = torch.stack(grids)
    shown, cover = warp(garment, grid), warp(mask, grid, padding="zeros")
    return Dressed(shown * cover + person * (1 - cover), shown, cover, grid)


def torso_box(points: Tensor, size: tuple[int, int]) -> Box:
    """The torso in pixels of a picture of size (height, width).

    points: keypoints [18, 3]. Missing hips are put where they usually are; without both shoulders
    it is USUAL_BOX.
    """
    height, width = size
    seen = points[:, :2].any(dim=1).tolist()
    x, y = points[:, 0].tolist(), points[:, 1].tolist()
    span = abs(x[SHOULDERS[0]] - x[SHOULDERS[1]])
    if not all(seen[p] for p in SHOULDERS) or span < 1:
        left, top, right, bottom = USUAL_BOX
        return left * width, top * height, right * width, bottom * height
    top = min(y[p] for p in SHOULDERS)
    hips = [y[p] for p in HIPS if seen[p]]
    bottom = sum(hips) / len(hips) if hips else top + USUAL_TORSO * span
    tall = max(bottom - top, span / 2)
    middle = sum(x[p] for p in SHOULDERS) / 2
    half = (0.5 + SIDE_MARGIN) * span
    return middle - half, top - TOP_MARGIN * tall, middle + half, bottom + BOTTOM_MARGIN * tall


def bounding_box(mask: Tensor) -> Box:
    """What a mask [1, H, W] covers, in pixels; the whole picture if it is empty."""
    rows, columns = mask[0].any(dim=1).nonzero(), mask[0].any(dim=0).nonzero()
    if not len(rows):
        return 0.0, 0.0, mask.shape[-1] - 1.0, mask.shape[-2] - 1.0
    return float(columns[0]), float(rows[0]), float(columns[-1]), float(rows[-1])


def box_grid(source: Box, target: Box, like: Tensor) -> Tensor:
    """Grid [2, H, W] that shows the source box of a picture in the target box (pixels)."""
    height, width = like.shape[-2:]
    xs = torch.arange(width, dtype=torch.float32, device=like.device)
    ys = torch.arange(height, dtype=torch.float32, device=like.device)
    x = stretched(xs, (target[0], target[2]), (source[0], source[2]))
    y = stretched(ys, (target[1], target[3]), (source[1], source[3]))
    position = torch.stack([x.expand(height, width), y[:, None].expand(height, width)])
    return position / half_extent(like)[0] - 1


def stretched(values: Tensor, before: tuple[float, float], after: tuple[float, float]) -> Tensor:
    """The linear map that takes the interval `before` to `after`."""
    return after[0] + (values - before[0]) * (after[1] - after[0]) / (before[1] - before[0])
