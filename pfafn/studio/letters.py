"""Block letters as strokes: lines [N, 2] in a box one wide and one high, y down."""

import numpy as np

from pfafn.studio.geometry import Floats

_BOWL = [(0, 0), (0.7, 0), (1, 0.12), (1, 0.38), (0.7, 0.5), (0, 0.5)]
_HOOK = [(0.7, 0), (0.3, 0), (0, 0.25), (0, 0.75), (0.3, 1)]
_STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "A": [[(0, 1), (0.5, 0), (1, 1)], [(0.2, 0.65), (0.8, 0.65)]],
    "C": [[(1, 0.2), *_HOOK, (0.7, 1), (1, 0.8)]],
    "E": [[(1, 0), (0, 0), (0, 1), (1, 1)], [(0, 0.5), (0.8, 0.5)]],
    "F": [[(1, 0), (0, 0), (0, 1)], [(0, 0.5), (0.8, 0.5)]],
    "G": [[(1, 0.2), *_HOOK, (1, 1), (1, 0.55), (0.6, 0.55)]],
    "H": [[(0, 0), (0, 1)], [(1, 0), (1, 1)], [(0, 0.5), (1, 0.5)]],
    "I": [[(0.5, 0), (0.5, 1)]],
    "L": [[(0, 0), (0, 1), (1, 1)]],
    "M": [[(0, 1), (0, 0), (0.5, 0.6), (1, 0), (1, 1)]],
    "N": [[(0, 1), (0, 0), (1, 1), (1, 0)]],
    "O": [[*_HOOK, (0.7, 1), (1, 0.75), (1, 0.25), (0.7, 0)]],
    "P": [[(0, 1), *_BOWL]],
    "R": [[(0, 1), *_BOWL], [(0.45, 0.5), (1, 1)]],
    "S": [[(1, 0.15), (0.7, 0), (0.3, 0), (0, 0.25), (1, 0.7), (0.7, 1), (0.3, 1), (0, 0.85)]],
    "U": [[(0, 0), (0, 0.75), (0.3, 1), (0.7, 1), (1, 0.75), (1, 0)]],
    "V": [[(0, 0), (0.5, 1), (1, 0)]],
    "W": [[(0, 0), (0.25, 1), (0.5, 0.35), (0.75, 1), (1, 0)]],
    "X": [[(0, 0), (1, 1)], [(1, 0), (0, 1)]],
    "Y": [[(0, 0), (0.5, 0.5), (1, 0)], [(0.5, 0.5), (0.5, 1)]],
    "1": [[(0.2, 0.2), (0.55, 0), (0.55, 1)]],
    "4": [[(0.75, 1), (0.75, 0), (0, 0.7), (1, 0.7)]],
    "7": [[(0, 0), (1, 0), (0.35, 1)]],
}
ALPHABET = frozenset(_STROKES)


def word_strokes(word: str, width: float, height: float) -> list[Floats]:
    """The strokes of a word centred on the origin, in a box of the given width and height."""
    advance = width / (len(word) - 0.38)
    strokes = []
    for i, letter in enumerate(word):
        corner = np.array([i * advance - width / 2, -height / 2])
        strokes += [corner + np.array(s) * (0.62 * advance, height) for s in _STROKES[letter]]
    return [s.astype(np.float32) for s in strokes]
