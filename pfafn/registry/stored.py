"""How a model is stored with MLflow, to be served: weights, today's code, and what it takes."""

import base64
import importlib.metadata
import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, Schema

from pfafn.kit.versions import PACKAGE
from pfafn.photos.images import encode_png
from pfafn.studio.pair import drawn_pair

# What `pfafn.inference.served` imports, directly or through our own modules; pinned to what is
# installed.
REQUIREMENTS = (
    "mlflow", "numpy", "opencv-python-headless", "pandas", "pillow", "pyarrow", "safetensors",
    "torch",
)  # fmt: skip
INPUTS = {  # column -> whether each row has to have it
    "pfafn-student": {"person": True, "garment": True, "garment_mask": False},
    "pfafn-tutor": {"person": True, "garment": True, "parsing": True, "keypoints": True,
                    "garment_mask": False, "body_parts": False},
}  # fmt: skip
EXAMPLE = (128, 96)  # (height, width) of the pictures in an example of a request
ANSWER = ("image", "note", "error")


def save(client: MlflowClient, model_id: str, model: str, weights: Path) -> None:
    """Give a logged model its files: weights and today's code, and no pickle anywhere."""
    columns = [ColSpec("string", name, required=asked) for name, asked in INPUTS[model].items()]
    answer = [ColSpec("string", column) for column in ANSWER]
    logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)  # that it reads the example
    with TemporaryDirectory() as folder:
        mlflow.pyfunc.save_model(
            f"{folder}/model",
            input_example=example(model),
            python_model=str(PACKAGE / "inference" / "served.py"),
            artifacts={"weights": str(weights)},
            model_config={"model": model},
            code_paths=[str(PACKAGE)],
            pip_requirements=requirements(),
            signature=ModelSignature(Schema(columns), Schema(answer)),
        )
        client.log_model_artifacts(model_id, f"{folder}/model")


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
    return pd.DataFrame([{column: row[column] for column, asked in INPUTS[name].items() if asked}])


def requirements() -> list[str]:
    """Pinned requirements of a served model, without local build labels such as "+cpu"."""
    return [f"{n}=={importlib.metadata.version(n).partition('+')[0]}" for n in REQUIREMENTS]
