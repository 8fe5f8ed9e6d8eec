"""Parsing maps of the public data sets, brought to the project's 14 classes by tables of names."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pfafn.kit.errors import UserError
from pfafn.models.parts import Parsing

Ids = NDArray[np.uint8]
Table = Mapping[IntEnum, Parsing]  # has every class of the source
UNKNOWN = 255  # of a lookup: not an id of the source


class Lip(IntEnum):
    """Classes of LIP's parsing maps."""

    BACKGROUND = 0
    HAT = 1
    HAIR = 2
    GLOVE = 3
    SUNGLASSES = 4
    UPPER_CLOTHES = 5
    DRESS = 6
    COAT = 7
    SOCKS = 8
    PANTS = 9
    JUMPSUIT = 10  # the skin of neck and chest on VITON-HD
    SCARF = 11
    SKIRT = 12
    FACE = 13
    LEFT_ARM = 14
    RIGHT_ARM = 15
    LEFT_LEG = 16
    RIGHT_LEG = 17
    LEFT_SHOE = 18
    RIGHT_SHOE = 19


class Atr(IntEnum):
    """Classes of ATR's parsing maps, as DressCode has them."""

    BACKGROUND = 0
    HAT = 1
    HAIR = 2
    SUNGLASSES = 3
    UPPER_CLOTHES = 4
    SKIRT = 5
    PANTS = 6
    DRESS = 7
    BELT = 8
    LEFT_SHOE = 9
    RIGHT_SHOE = 10
    HEAD = 11
    LEFT_LEG = 12
    RIGHT_LEG = 13
    LEFT_ARM = 14
    RIGHT_ARM = 15
    BAG = 16
    SCARF = 17


class Grouped(IntEnum):
    """The 13 groups into which VITON-HD's own code puts LIP's classes."""

    BACKGROUND = 0
    HAIR = 1
    FACE = 2
    UPPER_CLOTHES = 3
    LOWER_CLOTHES = 4
    LEFT_ARM = 5
    RIGHT_ARM = 6
    LEFT_LEG = 7
    RIGHT_LEG = 8
    LEFT_SHOE = 9
    RIGHT_SHOE = 10
    SOCKS = 11
    NOISE = 12


class ParsingError(UserError, ValueError):
    """A parsing map holds ids its source does not have."""


def _table(source: type[IntEnum], same: Mapping[str, Parsing]) -> Table:
    """A full table: classes named in `same`, else those of equal name, else background."""
    by_name = Parsing.__members__ | same
    return {entry: by_name.get(entry.name, Parsing.BACKGROUND) for entry in source}


IDENTITY: Table = _table(Parsing, {})
# What VITON's own 14-class maps were made with: coats, skirts and accessories are background.
LIP: Table = _table(Lip, {"PANTS": Parsing.LOWER_CLOTHES})
# NOTE: on VITON-HD coats are worn as upper clothes and skirts are frequent; as background they
# would neither be replaced nor kept.
LIP_HD: Table = LIP | {Lip.COAT: Parsing.UPPER_CLOTHES, Lip.SKIRT: Parsing.LOWER_CLOTHES}
ATR: Table = _table(
    Atr,
    {"PANTS": Parsing.LOWER_CLOTHES, "SKIRT": Parsing.LOWER_CLOTHES, "HEAD": Parsing.FACE},
)
GROUPS: Table = _table(Grouped, {})
# By name; LIP's ids stand for those of CIHP too, whose 10 is the skin of the torso.
SCHEMES: dict[str, Table] = {
    "viton": IDENTITY,
    "lip": LIP,
    "viton-hd": LIP_HD,
    "atr": ATR,
    "groups": GROUPS,
}


def canonical(ids: Ids, table: Table, *, strict: bool = True) -> Ids:
    """Map source ids uint8 [H, W] to the 14 classes of `Parsing`, uint8 [H, W].

    Raises ParsingError naming the ids that the source does not have; not strict, they become
    background.
    """
    lookup = np.full(256, UNKNOWN, np.uint8)
    for source, target in table.items():
        lookup[source] = target
    mapped = lookup[ids]
    if not strict:
        mapped[mapped == UNKNOWN] = Parsing.BACKGROUND
    elif (mapped == UNKNOWN).any():
        strange: list[Any] = np.unique(ids[mapped == UNKNOWN]).tolist()
        raise ParsingError(f"ids {strange} are not among 0..{max(table)}")
    return mapped
