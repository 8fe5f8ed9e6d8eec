"""A garment at a model's size, with something of its mask left."""

from pfafn.photos.checks import PictureError
from pfafn.photos.entrance import GarmentPhoto
from pfafn.photos.masks import SOLID

# What to know where a mask is empty that was given, or was told from the photo.
GIVEN = f"a garment's pixels are above {SOLID}"
TOLD = "it could not be told from the background; give a mask"


def fitted_garment(garment: GarmentPhoto, size: tuple[int, int]) -> GarmentPhoto:
    """The photo and its mask at size = (height, width).

    Raises PictureError if nothing of the mask is left there.
    """
    fitted = garment.fitted(size)
    if not fitted.mask.any():
        hint = GIVEN if garment.mask_source == "file" else TOLD
        raise PictureError(f"the garment's mask is empty: {hint}")
    return fitted
