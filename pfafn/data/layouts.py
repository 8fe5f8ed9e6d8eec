"""Folder layouts of the public data sets, as tables: where each kind of file lies, and its name.

A sample has an id; a file of it is FOLDER/ID + suffix + extension. `{split}` in a folder is "train"
or "test"; a folder without it names no split. Folders are relative to the data set's root, and are
known in every spelling (`pfafn.kit.spelling`), as are pairs files.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from pfafn.kit.errors import UserError
from pfafn.kit.files import MissingInput
from pfafn.kit.spelling import below, spelt
from pfafn.models.parts import Category
from pfafn.photos.opening import SUFFIXES

SPLITS = ("train", "test")
# Files of pairs: what a person of test tries on first is in the first of them.
TEST_PAIRS = (
    "test_pairs_unpaired.txt", "test_unpaired_pairs.txt", "test_unpaired.txt", "test_pairs.txt",
    "demo.txt", "test_pairs_paired.txt", "test_paired_pairs.txt", "test_paired.txt",
)  # fmt: skip
PAIRS = {spelt(name): ("test", place) for place, name in enumerate(TEST_PAIRS)}
PAIRS[spelt("train_pairs.txt")] = ("train", 0)
TEXT = re.compile(r"(\.(txt|csv|tsv))+$")  # Windows hides an ending, and another one is put behind
HOW_TO_GET_DATA = (
    "make some with `make repro` or `python -m pfafn synth`, "
    "or take over a data set with `python -m pfafn adopt LAYOUT SOURCE`"
)


class LayoutError(UserError, ValueError):
    """A folder is in no known layout; the message lists what was looked for."""


@dataclass(frozen=True)
class Role:
    """Where the files of one kind lie: all of the folders that exist are looked into."""

    folders: tuple[str, ...]
    suffix: str = ""
    extensions: tuple[str, ...] = SUFFIXES

    def fits(self, name: str) -> bool:
        """Whether a file name is one of this role's."""
        stem, dot, kind = name.rpartition(".")
        known = f"{dot}{kind}".lower() in self.extensions and stem.endswith(self.suffix)
        return known and _is_shown(name)


@dataclass(frozen=True)
class Layout:
    """One data set's way to store samples."""

    name: str
    signs: tuple[tuple[str, ...], ...]  # a root has all folders of one of these
    roles: Mapping[str, Role]  # person, garment, mask, parsing, keypoints, if any body_parts
    scheme: str  # of the parsing maps' ids
    # Folder of each garment category; "" where there is only one.
    categories: Mapping[str, Category] = field(default_factory=lambda: {"": Category.UPPER})
    drawn_in: tuple[int, int] | None = None  # (height, width) in which keypoints count
    every_person_has_a_garment: bool = False  # also in test
    pairs_name_the_split: bool = False
    extra: tuple[str, ...] = ()  # more folders that belong to a data set

    @cached_property
    def homes(self) -> dict[str, list[Role]]:
        """Folders of a category's root, every split, and the roles whose files lie in each."""
        homes: dict[str, list[Role]] = {}
        for role in self.roles.values():
            for template in role.folders:
                for split in SPLITS:
                    homes.setdefault(template.format(split=split), []).append(role)
        return homes

    @property
    def folders(self) -> list[str]:
        """Folders of a category's root in which the layout knows files, every split."""
        return [*self.homes, *self.extra]

    def is_in(self, folders: Iterable[str]) -> bool:
        """Whether a root has the signs of the layout, by the folders in it (relative names)."""
        known = set(map(spelt, folders))
        return any(known.issuperset(map(spelt, sign)) for sign in self.signs)

    def knows(self, name: PurePosixPath) -> bool:
        """Whether a file, named relative to the root, is part of the layout."""
        return self.knows_pairs(name) or any(
            folder in self._extra
            and _is_shown(name.name)
            or any(role.fits(name.name) for role in self.roles_at(folder))
            for folder in self._inside_category(name.parent.as_posix())
        )

    def knows_pairs(self, name: PurePosixPath) -> bool:
        """Whether it is a pairs file: of the root, of a category or of a split."""
        folder = name.parent.as_posix()
        beside = folder == "." or {".", *SPLITS}.intersection(self._inside_category(folder))
        return bool(beside and self.pairs_of(name.name))

    def pairs_of(self, file: str) -> tuple[str, int] | None:
        """The split whose pairs a file of this name lists, and its place among those that do."""
        split, place = PAIRS.get(TEXT.sub(".txt", spelt(file)), ("", 0))
        return (split, place) if split == "test" or (split and self.pairs_name_the_split) else None

    def has_folder(self, folder: str) -> bool:
        """Whether a folder, named relative to the root, is the layout's or has one that is."""
        known = {".", *self._roles_by_folder, *self._extra}
        return any(
            name == inside or name.startswith(f"{inside}/")
            for inside in self._inside_category(folder)
            for name in known
        )

    def roles_at(self, folder: str) -> list[Role]:
        """The roles whose files lie in a folder of a category's root."""
        return self._roles_by_folder.get(spelt(folder), [])

    def _inside_category(self, folder: str) -> list[str]:
        """A folder's name relative to each category's root it lies in."""
        first, _, rest = spelt(folder).partition("/")
        return [
            spelt(folder) if not prefix else rest or "."
            for prefix in self.categories
            if not prefix or first == spelt(prefix)
        ]

    @cached_property
    def _roles_by_folder(self) -> dict[str, list[Role]]:
        found: dict[str, list[Role]] = {}
        for name, roles in self.homes.items():
            found.setdefault(spelt(name), []).extend(roles)
        return found

    @cached_property
    def _extra(self) -> frozenset[str]:
        return frozenset(map(spelt, self.extra))


def _is_shown(name: str) -> bool:
    """Neither hidden nor impossible to print: no table could hold the latter."""
    return name.isprintable() and not name.startswith(".")


def _split_folders(*names: str) -> tuple[str, ...]:
    """Folders below train/ and test/, or directly in the root."""
    return tuple(f"{{split}}/{name}" for name in names) + names


JSON = (".json",)

VITON = Layout(
    name="viton",
    signs=(("train_img",), ("test_img",)),
    roles={
        "person": Role(("{split}_img",), "_0"),
        "garment": Role(("{split}_color", "{split}_clothes"), "_1"),
        "mask": Role(("{split}_edge",), "_1"),
        "parsing": Role(("{split}_label",), "_0", (".png",)),
        "keypoints": Role(("{split}_pose",), "_0_keypoints", JSON),
        "body_parts": Role(("{split}_densepose",), "_0", (".npy",)),
    },
    scheme="viton",
    every_person_has_a_garment=True,
    # Of the synthetic studio.
    extra=("truth/test_tryon", "truth/test_label", "truth/test_flow", "truth/train_flow"),
)
VITON_RESIZE = Layout(
    name="viton-resize",
    signs=(("train/image", "train/pose"), ("test/image", "test/pose"), ("image", "pose")),
    roles={
        "person": Role(_split_folders("image"), "_0"),
        "garment": Role(_split_folders("cloth"), "_1"),
        "mask": Role(_split_folders("cloth-mask"), "_1"),
        "parsing": Role(_split_folders("image-parse"), "_0", (".png",)),
        "keypoints": Role(_split_folders("pose"), "_0_keypoints", JSON),
    },
    scheme="lip",
    every_person_has_a_garment=True,
)
VITON_HD = Layout(
    name="viton-hd",
    signs=(("train/image", "train/cloth"), ("test/image", "test/cloth"), ("image", "cloth")),
    roles={
        "person": Role(_split_folders("image")),
        "garment": Role(_split_folders("cloth")),
        "mask": Role(_split_folders("cloth-mask")),
        "parsing": Role(_split_folders("image-parse-v3", "image-parse"), "", (".png",)),
        "keypoints": Role(_split_folders("openpose_json", "openpose-json"), "_keypoints", JSON),
        # NOTE: image-densepose/ holds colour pictures, whose ids cannot be told
    },
    scheme="viton-hd",
)
DRESSCODE = Layout(
    name="dresscode",
    signs=(("upper_body/images",), ("lower_body/images",), ("dresses/images",)),
    roles={
        "person": Role(("images",), "_0"),
        "garment": Role(("images",), "_1"),
        "mask": Role(("masks", "cloth-mask"), "_1"),
        "parsing": Role(("label_maps",), "_4", (".png",)),
        "keypoints": Role(("keypoints",), "_2", JSON),
        "body_parts": Role(("dense",), "_5", (".png",)),
    },
    scheme="atr",
    categories={
        "upper_body": Category.UPPER,
        "lower_body": Category.LOWER,
        "dresses": Category.DRESS,
    },
    drawn_in=(512, 384),
    pairs_name_the_split=True,
)
# In the order in which a folder is tried.
LAYOUTS = {layout.name: layout for layout in (VITON, VITON_RESIZE, VITON_HD, DRESSCODE)}


def detect(root: Path) -> Layout:
    """The layout of a data set's folder, told by the folders in it.

    Raises MissingInput if there is no data, LayoutError if the layout is unknown.
    """
    if not root.is_dir() or not any(root.iterdir()):
        raise MissingInput(f"no data in {root}: {HOW_TO_GET_DATA}")
    folders = {path.relative_to(root).as_posix() for path in below(root)}
    layout = recognise(folders)
    if layout is None:
        raise LayoutError(
            f"{root}: no known layout; it has {sorted(folders)[:8] or 'no folders'}. "
            f"Looked for {signs_text()}; {HOW_TO_GET_DATA}"
        )
    return layout


def recognise(folders: set[str]) -> Layout | None:
    """The first layout of which `folders` (relative names) has the signs."""
    return next((layout for layout in LAYOUTS.values() if layout.is_in(folders)), None)


def signs_text() -> str:
    """What the layouts are recognised by, for messages."""
    return "; ".join(
        f"{layout.name}: " + " or ".join("+".join(sign) for sign in layout.signs)
        for layout in LAYOUTS.values()
    )
