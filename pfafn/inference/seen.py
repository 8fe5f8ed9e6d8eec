"""A person's photo, what of it a network sees, and the way back into the photo."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pfafn.photos.checks import check_keypoints
from pfafn.photos.fitting import restore
from pfafn.photos.framing import Frame, frame, matched, show
from pfafn.photos.images import Pixels
from pfafn.photos.pasting import ALL, changed, new, pasted
from pfafn.photos.warping import Drawn, Overlay, OwnGarment


class Seen(NamedTuple):
    """A photo and its frame, as a network sees it."""

    photo: Pixels  # [H, W, 3]
    frame: Frame
    shown: Pixels  # [h, w, 3]: the frame at the model's size

    @classmethod
    def of(
        cls, photo: Pixels, pose: NDArray[np.floating] | None, model_size: tuple[int, int]
    ) -> Self:
        """The photo framed by a pose [18, 3] in its pixels, if one is known.

        Raises PictureError if the pose is none.
        """
        points = None if pose is None else check_keypoints(pose)
        box = frame(photo.shape[:2], points, model_size)
        return cls(photo, box, show(photo, box, model_size))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the photo."""
        return self.photo.shape[:2]

    def with_all(self, picture: Pixels) -> Pixels:
        """The photo with all of a picture [h, w, 3] of its frame in it."""
        if self.frame == Frame.whole(self.size):
            return restore(picture, self.size)
        return pasted(self.photo, picture, np.full(picture.shape[:2], ALL, np.uint8), self.frame)

    def worn(self, drawn: Drawn, garment: OwnGarment, preserve: bool | None) -> Pixels:
        """The photo with what a network has drawn of its frame, the garment as sharp as its photo.

        preserve: True, and of the try-on only what it changed is taken; False, and all of it is, as
        the network drew it; None is False for a photo of the model's size, else True.
        """
        size = drawn.image.shape[:2]
        if preserve is None:
            preserve = self.size != size
        if not preserve:
            return self.with_all(drawn.image)
        told = drawn.shares.shape[-1] == 2
        if told:
            share = new(drawn.shares[..., 1])
        else:
            share = changed(self.shown, drawn.image, drawn.shares[..., 0])
        source, target = matched(self.frame, self.size, size)
        if source.height <= target.height:
            return pasted(self.photo, drawn.image, share, self.frame)
        over = Overlay(garment, drawn, self.size, self.frame).over
        return pasted(self.photo, drawn.behind, share, self.frame, over)
