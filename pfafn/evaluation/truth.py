"""What a try-on should have been, as far as it is known, and where it is hard to get there."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from pfafn.models.inputs import Annotation
from pfafn.models.parts import ARMS, FACE, FOREARMS, HANDS, TRUNK, BodyPart, Parsing
from pfafn.models.representation import beside_clothes, clothes_mask, one_of, region

NEAR = 64  # a picture's height by the pixels that a parsing may miss the edge of clothes
REACH = 16  # a picture's height by the pixels that a garment may stand off from body and clothes

GROUPS = {
    "skin": "skin that the old garment hid",
    "shorter": "arms among it: the new sleeves are shorter",
    "longer": "arms that the new sleeves hide",
    "neckline": "neck and chest that one of the garments hides and the other one does not",
    "hands": "hands and forearms in front of the new garment",
    "hair": "hair in front of the new garment",
}


class Truth(NamedTuple):
    """What it should have been; None where nobody knows."""

    image: Tensor | None = None  # float [3, H, W] in [0, 1]; that of the photo, if not whole
    clothes: Tensor | None = None  # bool [1, H, W]: where the garment is seen on the person
    region: Tensor | None = None  # bool [1, H, W]: where old or new clothes are, or may be
    flow: Tensor | None = None  # float [2, H, W]: pixels from here to the garment picture
    visible: Tensor | None = None  # bool [1, H, W]: where the flow is known
    parsing: Tensor | None = None  # uint8 [H, W] of Parsing, of the photo
    body_parts: Tensor | None = None  # uint8 [H, W] of BodyPart, of the photo
    shown: Tensor | None = None  # uint8 [H, W] of Parsing, of the true picture
    whole: bool = True  # the picture is known; else only that the photo stays beside the region

    def groups(self) -> dict[str, Tensor]:
        """bool [1, H, W] by the names of GROUPS; {} if the true picture's parsing is not known.

        In front of the garment is what has it on both sides, in its row or in its column, and is
        seen in the photo as well.
        """
        if self.shown is None or self.region is None:
            return {}
        shown, photo, parts = (t[None] for t in (self.shown, self.parsing, self.body_parts))
        arms, trunk = one_of(shown, ARMS)[0], parts == BodyPart.TORSO
        # The skin of the trunk has no class of its own.
        neck, neck_before = (trunk & (ids == Parsing.BACKGROUND) for ids in (shown, photo))
        front = ~self.region & between(self.clothes)
        return {
            "skin": (arms | neck) & self.region,
            "shorter": arms & self.region,
            "longer": one_of(photo, ARMS)[0] & self.clothes,
            "neckline": (neck & self.region) | (neck_before & self.clothes),
            "hands": arms & one_of(parts, HANDS + FOREARMS)[0] & front,
            "hair": (shown == Parsing.HAIR) & front,
        }


def may_change(annotation: Annotation) -> Tensor:
    """bool [B, 1, H, W]: where a photo may change, whatever garment of the category is put on.

    Never face and hair, nor what is not even near clothes, trunk and limbs; always the clothes and
    their edge, which a parsing tells within some pixels.
    """
    parsing, parts = annotation.parsing.long(), annotation.body_parts.long()
    worn = clothes_mask(parsing, annotation.category)
    limbs = region(parts, "skin", annotation.category) | one_of(parsing, ARMS)
    dressed = (worn | limbs | one_of(parts, TRUNK)).float()
    reach = dressed.shape[-2] // REACH
    near = F.max_pool2d(dressed, 2 * reach + 1, stride=1, padding=reach) > 0
    edge = beside_clothes(worn.float(), max(1, dressed.shape[-2] // NEAR)) == 0
    return near & ~one_of(parsing, FACE) | edge


def between(mask: Tensor) -> Tensor:
    """Where bool [..., H, W] is true on both sides of a pixel, in its row or in its column."""
    across, down = (
        mask.cummax(dim).values & mask.flip(dim).cummax(dim).values.flip(dim) for dim in (-1, -2)
    )
    return across | down
