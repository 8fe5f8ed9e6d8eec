"""Try-on for anybody who has pictures: `from pfafn.inference import TryOn`."""

from pkgutil import resolve_name
from typing import Any

__all__ = ["TryOn", "TutorTryOn"]


def __getattr__(name: str) -> Any:
    """TryOn and TutorTryOn, when they are asked for.

    Where torch is not installed, TryOn is the one for which an ONNX file is enough.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from pfafn.inference import tryon, tutor
    except ModuleNotFoundError as error:
        if error.name != "torch" or name != "TryOn":
            raise
        return resolve_name("pfafn.portable.tryon:OnnxTryOn")
    return getattr(tryon, name, None) or getattr(tutor, name)
