"""How a model is stored with MLflow, to be served: weights, today's code, and what it takes."""

import base64
import importlib.metadata
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, Schema

from pfafn.kit.versions import PACKAGE
from pfafn.photos.images import encode_png
from pfafn.studio.pair import drawn_pair

# What `pfafn.inference.served` imports, directly or through our own modules; pinned to what is
# installed.
REQUIREMENTS = (
    "mlflow",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "pyarrow",
    "safetensors",
    "torch",
)
INPUTS = {
    "pfafn-student": ("person", "garment"),
    "pfafn-tutor": ("person", "garment", "parsing", "keypoints"),
}
OPTIONAL = {"pfafn-student": ("garment_mask",), "pfafn-tutor": ("garment_mask", "body_parts")}
EXAMPLE = (128, 96)  # (height, width) of the pictures in an example of a request
ANSWER = ("image", "note", "error")


class Unasked:
    """MLflow's pyfunc flavor, for a model that is not to answer its example when it is logged.

    That would take seconds, and the signature is given.
    """

    @staticmethod
    def save_model(validate_serving_input: bool, flavor_name: str = "", **model: Any) -> None:
        mlflow.pyfunc.save_model(**model)


@contextmanager
def stored(name: str, weights: Path) -> Iterator[dict[str, Any]]:
    """Weights and today's code as a pyfunc model made from code: no pickle anywhere."""
    columns = [ColSpec("string", column) for column in INPUTS[name]]
    columns += [ColSpec("string", column, required=False) for column in OPTIONAL[name]]
    answer = [ColSpec("string", column) for column in ANSWER]
    log = logging.getLogger("mlflow.pyfunc")
    level = log.level
    log.setLevel(logging.WARNING)  # that it looks at the example is nobody's concern
    try:
        yield {
            "input_example": example(name),
            "python_model": str(PACKAGE / "inference" / "served.py"),
            "artifacts": {"weights": str(weights)},
            "model_config": {"model": name},
            "code_paths": [str(PACKAGE)],
            "pip_requirements": requirements(),
            "signature": ModelSignature(Schema(columns), Schema(answer)),
        }
    finally:
        log.setLevel(level)


def example(name: str) -> pd.DataFrame:
    """A request of one row to such a model: a drawn person and garment."""
    drawn = drawn_pair(EXAMPLE)
    pictures = {
        "person": drawn.photo.picture,
        "garment": drawn.garment.picture,
        "parsing": drawn.photo.parsing,
    }
    row = {column: base64.b64encode(encode_png(rgb)).decode() for column, rgb in pictures.items()}
    row["keypoints"] = json.dumps(drawn.keypoints.round(1).tolist())
    return pd.DataFrame([{column: row[column] for column in INPUTS[name]}])


def requirements() -> list[str]:
    """Pinned requirements of a served model, without local build labels such as "+cpu"."""
    return [f"{n}=={importlib.metadata.version(n).partition('+')[0]}" for n in REQUIREMENTS]
