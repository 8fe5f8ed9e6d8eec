"""The losses of tutor and student: pure functions, one per equation. Weights live in params.yaml.

Levels run coarse to fine, n = 0 .. 4.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pfafn.kit.joint import joint_divisor
from pfafn.models.generator import Tone
from pfafn.models.geometry import resize, second_order, total_variation, warp
from pfafn.models.vgg import VGG19
from pfafn.models.warp import Alignment

Terms = dict[str, Tensor]  # scalars by name

SHADE = 1 / 255  # in [-1, 1], half the distance of two 8-bit shades
EPSILON = 1e-4  # of a logarithm's argument, for masks that are all but 0 or 1


class WarpTerms(NamedTuple):
    """Unweighted terms of the warp loss (paper eq. 1-4)."""

    l1: Tensor  # [5], warped garment against the person's clothes
    vgg: Tensor  # [5], the same as perceptual distance; zeros without a VGG
    mask: Tensor  # [5], warped mask against the clothes mask
    second_order: Tensor  # [5], smoothness of the grid
    tv: Tensor  # [10], total variation of match 0, refine 0, match 1, ...


def warp_terms(
    alignment: Alignment,
    garment: Tensor,
    mask: Tensor,
    clothes: Tensor,
    clothes_mask: Tensor,
    vgg: VGG19 | None,
) -> WarpTerms:
    """Compare the warped garment with the clothes in the photo at every level.

    garment, clothes [B, 3, H, W] in [-1, 1]; mask, clothes_mask [B, 1, H, W] in [0, 1]. The targets
    are resized to each level bilinearly.
    """
    levels = []
    for grid in alignment.grids:
        size = tuple(grid.shape[-2:])
        warped = warp(resize(garment, size), grid)
        alike = reconstruction(warped, resize(clothes, size), vgg)
        warped_mask = warp(resize(mask, size), grid, padding="zeros")
        shape = F.l1_loss(warped_mask, resize(clothes_mask, size))
        levels.append((*alike, shape, second_order(grid)))
    offsets = (o for pair in zip(alignment.match, alignment.refine, strict=True) for o in pair)
    tv = [total_variation(offset) for offset in offsets]
    return WarpTerms(*map(torch.stack, zip(*levels, strict=True)), torch.stack(tv))


class GeneratorTerms(NamedTuple):
    """Unweighted scalar terms of the generator loss."""

    l1: Tensor  # try-on against the photo
    vgg: Tensor
    rendered_l1: Tensor  # the drawn image alone against the photo
    rendered_vgg: Tensor
    mask: Tensor  # how much of the garment the composition leaves out


def generator_terms(
    image: Tensor, rendered: Tensor, mask: Tensor, photo: Tensor, vgg: VGG19 | None
) -> GeneratorTerms:
    """image, rendered, photo [B, 3, H, W] in [-1, 1]; mask [B, 1, H, W] in [0, 1]."""
    return GeneratorTerms(
        *reconstruction(image, photo, vgg),
        *reconstruction(rendered, photo, vgg),
        (1 - mask).abs().mean(),
    )


def cross_entropy(said: Tensor, true: Tensor) -> Tensor:
    """Of shares in [0, 1] that a network says and true ones, pixel by pixel, in float32."""
    yes, no = said.float() + EPSILON, 1 - said.float() + EPSILON
    return -(true * yes.log() + (1 - true) * no.log())


def misplaced(composition: Tensor, warped: Tensor, clothes: Tensor, in_front: float) -> Tensor:
    """Cross entropy of the composition mask and the clothes' mask where the warped garment is.

    All [B, 1, H, W] in [0, 1]; the mean over all pixels. Not in the paper, whose terms say nothing
    of the mask where something is in front of the garment, such as an arm; there it alone shows
    that at inference. Such places are few: each counts as `in_front` others. Teaches the generator,
    not the warp.
    """
    counts = warped.detach() * (clothes + in_front * (1 - clothes))
    return (counts * cross_entropy(composition, clothes)).mean()


def misjudged(keep: Tensor, true: Tensor, garment: Tensor, stays: float = 1.0) -> Tensor:
    """Cross entropy of the keep mask; keep, true, garment [B, 1, H, W] in [0, 1].

    Three places count, however large they are: where the photo stays, `stays` times as much as each
    of the others; what the new garment covers of the rest; and what it does not, such as old
    sleeves beside short ones. Not in the paper.
    """
    places = (true, (1 - true) * garment, (1 - true) * (1 - garment))
    off = [mean_within(cross_entropy(keep, true), place) for place in places]
    return (stays * off[0] + off[1] + off[2]) / (stays + 2)


def mean_within(values: Tensor, place: Tensor) -> Tensor:
    """The mean of values where place is 1; both [B, 1, H, W], place in [0, 1]. 0 if it is empty."""
    return (place * values).sum() / joint_divisor(place.sum())


def unlike_skin(tone: Tone, photo: Tensor, skin: Tensor, hidden: Tensor) -> Tensor:
    """What a tone of skin is off, and the share of it where a garment had hidden the photo.

    photo [B, 3, H, W] in [-1, 1], the true picture; skin [B, 1, H, W] in {0, 1}, where it shows
    any; hidden [B, 1, H, W] in [0, 1], what is to be drawn. L1 of the tone and the mean colour of
    all skin; cross entropy of the share, where what was hidden is skin and where it is not counting
    alike. Not in the paper.
    """
    seen = skin.sum(dim=(2, 3), keepdim=True)
    mean = (photo * skin).sum(dim=(2, 3), keepdim=True) / seen.clamp(min=1)
    off = mean_within((tone.colour - mean).abs().mean(dim=1, keepdim=True), (seen > 0).to(mean))
    entropy = cross_entropy(tone.share, skin)
    wrong = torch.stack([mean_within(entropy, hidden * place) for place in (skin, 1 - skin)])
    return off + wrong.mean()


def unchanged(fake: Tensor, photo: Tensor) -> Tensor:
    """Where a fake shows the photo: bool [B, 1, H, W] of [B, 3, H, W] in [-1, 1], 8 bits each."""
    return (fake - photo).abs().amax(dim=1, keepdim=True) < SHADE


def reconstruction(image: Tensor, target: Tensor, vgg: VGG19 | None) -> tuple[Tensor, Tensor]:
    """(L1, perceptual distance) of two images [B, 3, H, W]; the latter zero without a VGG."""
    l1 = F.l1_loss(image, target)
    return l1, torch.zeros_like(l1) if vgg is None else vgg.distance(image, target)
