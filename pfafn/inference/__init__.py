"""Try-on for anybody who has pictures: `from pfafn.inference import TryOn`."""

from pfafn.inference.tryon import TryOn
from pfafn.inference.tutor import TutorTryOn

__all__ = ["TryOn", "TutorTryOn"]
