"""The model as MLflow serves it: rows of pictures in, a PNG out. Stored as code, never as a pickle.

Student: columns person, garment, optional garment_mask. Tutor: also parsing, keypoints, optional
body_parts. A picture is base64 of its file, however that is spelt; keypoints are JSON of 54 numbers
(18 x [x, y, score], pixels of the person picture). Answer: columns image, base64 PNG, note, what is
doubtful of the photos if anything, and error, why there is no image; only if no row could be done
the request fails. Rows that follow each other with one person encode it once.

Whoever asks may be a stranger. A request has at most MOST_ROWS rows, MOST_BYTES of text in all and
SECONDS, after which no further row is begun; a picture has at most MOST_PIXELS. Files of this
machine are read for nobody, unless PFAFN_SERVED_PATHS names a folder: then a picture may also be
the path of a file below it.
"""

import base64
import json
import logging
import os
import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext
from numpy.typing import NDArray

from pfafn.inference.entry import MOST_PIXELS, from_base64, notes
from pfafn.kit.errors import UserError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import decode_gray, decode_ids, read_bytes
from pfafn.photos.pasting import encoded

PATHS = "PFAFN_SERVED_PATHS"  # environment: the folder whose files may be named in a request
LONGEST_PATH = 1024
MOST_ROWS = 64
MOST_BYTES = 64 * 2**20
MOST_KEYPOINTS = 10_000  # characters
SECONDS = 60.0
FAULT = "failed on the server, whose log says why"
LOG = logging.getLogger("pfafn.served")

Photo = TypeVar("Photo")
Known = Callable[[str], tuple[PersonPhoto, Any]]


class Answer(NamedTuple):
    """Of one row."""

    image: str  # base64 of a PNG file; empty if there is an error
    note: str  # what is doubtful of the photos
    error: str  # why there is no image


class RequestError(UserError, MlflowException):
    """A request or a row of it cannot be answered; the message says why and what to do.

    Of a row it names number and column. MLflow's server answers with the message, where any other
    exception would give it nothing but the traceback.
    """

    def __init__(self, message: str, code: int = INVALID_PARAMETER_VALUE) -> None:
        MlflowException.__init__(self, message, error_code=code)

    def serialize_as_json(self) -> str:
        """The server's answer: the message, before which it has put the whole request."""
        self.message = str(self)
        return super().serialize_as_json()


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
        """The answers; raises RequestError if there is too much, or no row can be used."""
        end = time.monotonic() + SECONDS
        rows = model_input.to_dict(orient="records")
        check_amount(rows)
        known = lru_cache(1)(self._known)  # nothing of a picture outlives the request
        answers = [self._told(number, Row(row), known, end) for number, row in enumerate(rows)]
        if answers and not any(answer.image for answer in answers):
            fault = all(answer.error == FAULT for answer in answers)
            code = INTERNAL_ERROR if fault else INVALID_PARAMETER_VALUE
            raise RequestError(f"row 0, {answers[0].error}", code)
        return pd.DataFrame(answers, columns=Answer._fields)

    def _told(self, number: int, row: "Row", known: Known, end: float) -> Answer:
        """A row's answer; whatever is wrong with it is in it."""
        if time.monotonic() > end:
            late = f"the request took more than {SECONDS:.0f} s: send fewer rows at a time, or "
            return Answer("", "", f"{late}smaller pictures")
        try:
            return self._answer(row, known)
        except UserError as error:
            return Answer("", "", str(error))
        except Exception:  # what it says may be nobody's business
            LOG.exception("row %d", number)
            return Answer("", "", FAULT)

    def _answer(self, row: "Row", known: Known) -> Answer:
        person, features = known(row.text("person"))
        mask = row.optional("garment_mask", decode_gray)
        garment = row.picture("garment", partial(GarmentPhoto.decode, mask=mask))
        if self.is_tutor:
            parsing, keypoints = row.picture("parsing", decode_ids), row.keypoints()
            body_parts = row.optional("body_parts", decode_ids)
            worn = self.model.try_on(person, garment, parsing, keypoints, body_parts)
        else:
            [worn] = self.model.dress([(features, self.model.encode_garment(garment))])
        note = "; ".join(f"{column}: {text}" for column, text in notes(person, garment))
        return Answer(base64.b64encode(encoded(person, worn, "PNG")).decode(), note, "")

    def _known(self, text: str) -> tuple[PersonPhoto, Any]:
        """A person's photo and, for a student, what the network knows of it."""
        photo = Row({"person": text}).picture("person", PersonPhoto.decode)
        return photo, None if self.is_tutor else self.model.encode_person(photo)


def check_amount(rows: list[dict[str, Any]]) -> None:
    """Raise RequestError if there is more than one request may ask."""
    if len(rows) > MOST_ROWS:
        raise RequestError(f"expected at most {MOST_ROWS} rows, got {len(rows)}: send fewer")
    size = sum(len(text) for row in rows for text in row.values() if isinstance(text, str))
    if size > MOST_BYTES:
        raise RequestError(
            f"expected at most {MOST_BYTES} bytes in all rows, got {size}: send fewer rows at a "
            "time, or smaller pictures"
        )


class Row:
    """One row of a request, its columns decoded on demand."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.columns = columns

    def picture(self, column: str, decode: Callable[..., Photo]) -> Photo:
        """Decode base64 or a file; raises RequestError, or ImageError for a broken picture."""
        content = self._content(column, self.text(column))
        return decode(content, column, most_pixels=MOST_PIXELS)

    def text(self, column: str) -> str:
        """What is given for a picture; raises RequestError if that is no text."""
        text = self.columns.get(column)
        if not isinstance(text, str) or not text:
            raise self._error(column, "a picture", text)
        return text

    def optional(self, column: str, decode: Callable[..., Photo]) -> Photo | None:
        """As picture(); None where the column is absent, empty or null."""
        text = self.columns.get(column)
        return self.picture(column, decode) if isinstance(text, str) and text else None

    def keypoints(self) -> NDArray[np.float32]:
        """float32 [18, 3]; raises RequestError if there are not 54 numbers."""
        text = self.columns.get("keypoints")
        if isinstance(text, str) and len(text) > MOST_KEYPOINTS:
            raise self._error("keypoints", f"at most {MOST_KEYPOINTS} characters", len(text))
        try:
            numbers = np.array(json.loads(text), np.float32).ravel()
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise self._error("keypoints", "JSON of 54 numbers", text) from error
        if numbers.size != 54:
            raise self._error("keypoints", "54 numbers (18 x [x, y, score])", numbers.size)
        return numbers.reshape(18, 3)

    def _content(self, column: str, text: str) -> bytes:
        if file := self._file(text):
            return read_bytes(file)
        try:
            return from_base64(text)
        except ValueError as error:
            wanted = "base64 of a PNG or JPEG"
            if folder := os.environ.get(PATHS):
                wanted += f", or the path of a file below {folder}"
            raise self._error(column, wanted, text) from error

    @staticmethod
    def _file(text: str) -> Path | None:
        """The file that a text names; None if it names none, or none that may be read."""
        folder = os.environ.get(PATHS)
        # JPEG in base64 begins like an absolute path ("/9j/"), so the length is asked first.
        if not folder or len(text) > LONGEST_PATH or "\0" in text:
            return None
        root = Path(folder).resolve()
        file = (root / text).resolve()  # of a link, what it leads to
        return file if file.is_relative_to(root) and file.is_file() else None

    @staticmethod
    def _error(column: str, wanted: str, got: Any) -> RequestError:
        return RequestError(f"{column}: expected {wanted}, got {got!r:.60}")


set_model(Served())
