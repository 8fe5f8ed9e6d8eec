"""What a served model is asked, as an example: a drawn person in a drawn garment's rows."""

import base64
import json
from functools import cache

import pandas as pd

from pfafn.photos.images import Pixels, encode_png
from pfafn.studio.dataset import draw_sample
from pfafn.studio.flat import lay_flat
from pfafn.studio.scene import keypoints, photograph

SIZE = (128, 96)  # (height, width); any would do
SEED = 7


@cache
def example(columns: tuple[str, ...]) -> pd.DataFrame:
    """One row of these columns, as `pfafn.inference.served` reads them."""
    worn, wanted = (draw_sample(SEED, "test", number) for number in (0, 1))
    photo = photograph(worn.person, worn.garment, lay_flat(worn.garment, *SIZE))
    known = {
        "person": _text(photo.picture),
        "garment": _text(lay_flat(wanted.garment, *SIZE).picture),
        "parsing": _text(photo.parsing),
        "keypoints": json.dumps(keypoints(worn.person, *SIZE).round(1).tolist()),
    }
    return pd.DataFrame([{column: known[column] for column in columns}])


def _text(picture: Pixels) -> str:
    return base64.b64encode(encode_png(picture)).decode()
