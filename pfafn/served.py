"""The model as MLflow serves it: rows of pictures in, a PNG out. Stored as code, never as a pickle.

Student: columns person, garment, optional garment_mask. Tutor: also parsing, keypoints, optional
body_parts. A picture is base64 of a PNG or JPEG, or the path of a file; keypoints are JSON of
54 numbers (18 x [x, y, score], pixels of the person picture). Answer: column image, base64 PNG.
"""

import base64
import binascii
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext
from numpy.typing import NDArray

from pfafn.data.images import decode_gray, decode_ids, decode_rgb, encode_png
from pfafn.errors import UserError

LONGEST_PATH = 1024
THRESHOLD = 127  # masks: brighter is garment


class RequestError(UserError, ValueError):
    """A row cannot be used; the message names row, column and what was expected."""


class Served(PythonModel):
    """Tutor or student behind MLflow's pyfunc interface."""

    def load_context(self, context: PythonModelContext) -> None:
        from pfafn.inference import TryOn, TutorTryOn

        self.is_tutor = context.model_config["model"] == "pfafn-tutor"
        loader = TutorTryOn if self.is_tutor else TryOn
        self.model: Any = loader.load(Path(context.artifacts["weights"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, str] | None = None,
    ) -> pd.DataFrame:
        rows = model_input.to_dict(orient="records")
        images = [encode_png(self._wear(Row(number, row))) for number, row in enumerate(rows)]
        return pd.DataFrame({"image": [base64.b64encode(image).decode() for image in images]})

    def _wear(self, row: "Row") -> NDArray[np.uint8]:
        person, garment = row.picture("person", decode_rgb), row.picture("garment", decode_rgb)
        mask = row.optional("garment_mask", decode_gray)
        if mask is not None:
            mask = np.where(mask > THRESHOLD, 255, 0).astype(np.uint8)
        if not self.is_tutor:
            return self.model.wear(person, garment, mask)
        parsing, keypoints = row.picture("parsing", decode_ids), row.keypoints()
        body_parts = row.optional("body_parts", decode_ids)
        return self.model.wear(person, garment, mask, parsing, keypoints, body_parts)


class Row:
    """One row of a request, its columns decoded on demand."""

    def __init__(self, number: int, columns: dict[str, Any]) -> None:
        self.number = number
        self.columns = columns

    def picture(
        self, column: str, decode: Callable[[bytes, str], NDArray[np.uint8]]
    ) -> NDArray[np.uint8]:
        """Decode base64 or a file; raises RequestError, or ImageError for a broken picture."""
        text = self.columns.get(column)
        if not isinstance(text, str) or not text:
            raise self._error(column, "a picture", text)
        return decode(self._content(column, text), f"row {self.number}, {column}")

    def optional(
        self, column: str, decode: Callable[[bytes, str], NDArray[np.uint8]]
    ) -> NDArray[np.uint8] | None:
        """As picture(); None where the column is absent, empty or null."""
        text = self.columns.get(column)
        return self.picture(column, decode) if isinstance(text, str) and text else None

    def keypoints(self) -> NDArray[np.float32]:
        """float32 [18, 3]; raises RequestError if there are not 54 numbers."""
        text = self.columns.get("keypoints")
        try:
            numbers = np.array(json.loads(text), np.float32).ravel()
        except (TypeError, ValueError) as error:
            raise self._error("keypoints", "JSON of 54 numbers", text) from error
        if numbers.size != 54:
            raise self._error("keypoints", "54 numbers (18 x [x, y, score])", numbers.size)
        return numbers.reshape(18, 3)

    def _content(self, column: str, text: str) -> bytes:
        # JPEG in base64 begins like an absolute path ("/9j/"), so the length is asked first.
        if len(text) <= LONGEST_PATH and Path(text).is_file():
            return Path(text).read_bytes()
        try:
            return base64.b64decode(text.partition("base64,")[2] or text, validate=True)
        except (binascii.Error, ValueError) as error:
            wanted = "base64 of a PNG or JPEG, or the path of a file that exists"
            raise self._error(column, wanted, text) from error

    def _error(self, column: str, wanted: str, got: Any) -> RequestError:
        return RequestError(f"row {self.number}, {column}: expected {wanted}, got {got!r:.60}")


set_model(Served())
