"""What the tutor is told about a person: built here alone, on the batch's device (section 3.1).

The student's inputs never come from here; only its training target (the clothes mask) does.
"""

from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pfafn.models.parts import (
    ARMS,
    FACE,
    FOREARMS,
    HANDS,
    REGIONS,
    SKIN,
    TRUNK,
    BodyPart,
    Category,
    Keypoint,
    Parsing,
    Regions,
)

POINTS, PARTS = len(Keypoint), len(BodyPart)
# Of each category, in their order.
GROUPS = {name: tuple(getattr(REGIONS[c], name) for c in Category) for name in Regions._fields}
POSE_RADIUS = 5  # pixels; half the side of a keypoint's square, at any image size


class Represented(NamedTuple):
    """A person without the clothes to be replaced. Masks are {0, 1}, in the photo's dtype."""

    condition: Tensor  # [B, 45, H, W]: face, other clothes, 25 body parts one-hot, 18 pose squares
    clothes_mask: Tensor  # [B, 1, H, W]: what the worn garment covers
    preserved: Tensor  # [B, 3, H, W]: the photo where it is face, other clothes or hand, else 0
    limbs: Tensor  # [B, 1, H, W]: body parts whose skin may have to be drawn anew


@cache
def membership(groups: tuple[tuple[int, ...], ...], device: torch.device) -> Tensor:
    """bool [groups, 25]: whether an id is in a group. Made once: a GPU would wait for it."""
    table = [[i in ids for i in range(PARTS)] for ids in groups]
    return torch.tensor(table, device=device)


def region(ids: Tensor, name: str, category: Tensor) -> Tensor:
    """bool [B, 1, H, W]: pixels whose id [B, H, W] lies in a region of their category [B]."""
    return membership(GROUPS[name], ids.device)[category[:, None, None], ids][:, None]


def clothes_mask(parsing: Tensor, category: Tensor) -> Tensor:
    """bool [B, 1, H, W]: the person's clothes that a garment of this category replaces.

    parsing int64 [B, H, W] of Parsing; category int64 [B] of Category.
    """
    return region(parsing, "clothes", category)


def bare_skin(parsing: Tensor, body_parts: Tensor) -> Tensor:
    """bool [B, 1, H, W]: skin that is seen, faces included; ids [B, H, W] of both.

    The skin of the trunk has no class of its own: it is the background there.
    """
    trunk = one_of(body_parts, TRUNK) & one_of(parsing, (Parsing.BACKGROUND,))
    return one_of(parsing, SKIN) | trunk


def beside_clothes(clothes_mask: Tensor, edge: int) -> Tensor:
    """Where a person's own clothes are not even near: both [B, 1, H, W] in {0, 1}.

    edge: pixels by which a parsing may miss the edge of clothes.
    """
    return 1 - F.max_pool2d(clothes_mask, 2 * edge + 1, stride=1, padding=edge)


def one_of(ids: Tensor, classes: tuple[int, ...]) -> Tensor:
    """bool [B, 1, H, W]: pixels whose id [B, H, W] is one of `classes`."""
    return membership((classes,), ids.device)[0][ids.long()][:, None]


def pose_map(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """Keypoints [B, 18, 3] (x, y in pixels, score) as filled squares: bool [B, H, W, 18].

    A point with x <= 1 or y <= 1 counts as missing.
    """
    h, w = size
    x, y = keypoints[:, None, None, :, 0], keypoints[:, None, None, :, 1]
    ys = torch.arange(h, device=x.device).view(1, h, 1, 1)
    xs = torch.arange(w, device=x.device).view(1, 1, w, 1)
    inside_x = (xs >= (x - POSE_RADIUS).trunc()) & (xs <= (x + POSE_RADIUS).trunc())
    inside_y = (ys >= (y - POSE_RADIUS).trunc()) & (ys <= (y + POSE_RADIUS).trunc())
    return (inside_x & (x > 1)) & (inside_y & (y > 1))


def arms_in_front(
    parsing: Tensor, body_parts: Tensor, wearer_parsing: Tensor, wearer_body_parts: Tensor
) -> Tensor:
    """bool [B, 1, H, W]: hands, and forearms too, if the garment is one that leaves them bare.

    That is seen on somebody who wears it: most of the forearms' pixels are skin. All are integer
    [B, H, W], ids of Parsing and BodyPart; zeros for a garment that nobody wears.
    """
    forearms = one_of(wearer_body_parts, FOREARMS)
    bare = (forearms & one_of(wearer_parsing, ARMS)).sum(dim=(1, 2, 3), keepdim=True)
    leaves_bare = 2 * bare > forearms.sum(dim=(1, 2, 3), keepdim=True)
    hands = one_of(parsing, ARMS) & one_of(body_parts, HANDS)
    return hands | (one_of(body_parts, FOREARMS) & leaves_bare)


def near_hem(keypoints: Tensor, category: Tensor, height: int, reach: float) -> Tensor:
    """Rows in which a garment may end, bool [B, 1, H, 1], of pictures that are H pixels high.

    Those of tops: all down to `reach` below the hips, in lengths from neck to hips; of garments for
    legs: all from as far above the hips. None of dresses, and none if neck or hips are unknown.
    """
    # One by one: a GPU would wait for a list of rows that comes from the host.
    points = (Keypoint.NECK, Keypoint.RIGHT_HIP, Keypoint.LEFT_HIP)
    neck, *both = (keypoints[:, point, :2] for point in points)
    known = torch.stack([point > 1 for point in (neck, *both)]).all(dim=0).all(dim=1)
    hips = torch.stack(both).mean(dim=0)[:, 1]
    far = reach * (hips - neck[:, 1])
    rows = torch.arange(height, device=keypoints.device)
    above = (rows < (hips + far)[:, None]) & (known & (category == Category.UPPER))[:, None]
    below = (rows > (hips - far)[:, None]) & (known & (category == Category.LOWER))[:, None]
    return (above | below)[:, None, :, None]


def represent(
    person: Tensor,
    parsing: Tensor,
    body_parts: Tensor,
    keypoints: Tensor,
    category: Tensor,
    *,
    hem: float = 0.0,
) -> Represented:
    """Clothing-agnostic representation of a batch.

    person float [B, 3, H, W] in [-1, 1]; parsing, body_parts integer [B, H, W] (ids of Parsing and
    BodyPart); keypoints float [B, 18, 3] in pixels; category int64 [B]. hem: where a garment may
    end, `near_hem` within this reach, other clothes are left out (not in the paper): their edge
    tells where the worn garment ends, so a new one would be drawn out to that. Raises ValueError if
    keypoints are not [B, 18, 3].
    """
    if keypoints.shape[1:] != (POINTS, 3):
        raise ValueError(f"keypoints must be [B, 18, 3], got {list(keypoints.shape)}")
    parsing, body_parts = parsing.long(), body_parts.long()
    face = one_of(parsing, FACE)
    other = region(parsing, "other_clothes", category)
    if hem:
        other &= ~near_hem(keypoints, category, parsing.shape[-2], hem)
    hands = one_of(parsing, ARMS) & one_of(body_parts, HANDS)
    one_hot = body_parts[..., None] == torch.arange(PARTS, device=body_parts.device)
    pose = pose_map(keypoints, person.shape[-2:])
    # Channels last from the start: that is how convolutions want it.
    maps = [face.movedim(1, -1), other.movedim(1, -1), one_hot, pose]
    condition = torch.cat(maps, dim=-1).to(person.dtype)
    condition[..., -POINTS:].mul_(2).sub_(1)
    return Represented(
        condition.movedim(-1, 1),
        clothes_mask(parsing, category).to(person),
        person * (face | other | hands),
        region(body_parts, "skin", category).to(person),
    )
