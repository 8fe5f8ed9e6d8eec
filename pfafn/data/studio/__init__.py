"""The synthetic studio: people and garments drawn with everything about them known."""

from pfafn.data.studio.dataset import synthesise

__all__ = ["synthesise"]
