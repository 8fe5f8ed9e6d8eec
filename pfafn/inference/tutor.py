"""Try-on by the parser-based tutor, which is told what is where on the person."""

import numpy as np
import torch
from numpy.typing import NDArray

from pfafn.annotations.body_parts import derive_body_parts
from pfafn.inference.deployed import DeployedTryOn
from pfafn.kit.machine import autocast
from pfafn.models.inputs import Annotation
from pfafn.models.parts import BodyPart, Category, Parsing
from pfafn.models.redress import redress
from pfafn.photos.checks import check_ids, check_keypoints
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.fitting import fit, fit_points
from pfafn.photos.images import Pixels
from pfafn.photos.tensors import picture_tensor, to_bytes

NONE = 0  # what lies beside a letterboxed id map


class TutorTryOn(DeployedTryOn):
    """The parser-based tutor: also needs to be told what is where on the person."""

    role = "tutor"

    def wear(
        self,
        person: Pixels,
        garment: Pixels,
        mask: Pixels | None,
        parsing: Pixels,
        keypoints: NDArray[np.floating],
        body_parts: Pixels | None = None,
        category: Category = Category.UPPER,
    ) -> Pixels:
        """As TryOn.wear, with the person's annotations as of `try_on`."""
        photo, flat = PersonPhoto.of(person), GarmentPhoto.of(garment, mask)
        return self.try_on(photo, flat, parsing, keypoints, body_parts, category)

    @torch.inference_mode()
    def try_on(
        self,
        person: PersonPhoto,
        garment: GarmentPhoto,
        parsing: Pixels,
        keypoints: NDArray[np.floating],
        body_parts: Pixels | None = None,
        category: Category = Category.UPPER,
    ) -> Pixels:
        """As TryOn.try_on, with the person's annotations at the photo's size.

        parsing, body_parts: uint8 [H, W] of Parsing and BodyPart ids; keypoints: float [18, 3] in
        pixels of the photo; body_parts are derived from the other two if None. Raises PictureError
        if one of them does not fit.
        """
        size = person.rgb.shape[:2]
        check_ids("parsing", parsing, size, len(Parsing))
        points = check_keypoints(keypoints)
        if body_parts is None:
            body_parts = derive_body_parts(points, parsing)
        check_ids("body_parts", body_parts, size, len(BodyPart))
        flat = self.garment_tensors(garment)
        parsing, body_parts = (
            fit(ids, self.size, interpolation="nearest", fill=NONE) for ids in (parsing, body_parts)
        )
        points = points if size == self.size else fit_points(points, size, self.size)
        photo = picture_tensor(person.fitted(self.size).rgb)
        maps = (torch.from_numpy(array) for array in (parsing, body_parts, points))
        annotation = Annotation(*maps, torch.tensor(int(category)))
        with autocast(self.device, self.precision):
            worn = redress(self.net, *map(self.batch, (photo, annotation, flat)))
        return self.drawn(to_bytes(worn.image), [size])[0]
