"""Folder layouts of the public data sets, as tables: where each kind of file lies, and its name.

A sample has an id; a file of it is FOLDER/ID + suffix + extension. `{split}` in a folder is "train"
or "test"; a folder without it names no split. Folders are relative to the data set's root.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from pfafn.data.parsing import ATR, IDENTITY, LIP, LIP_HD, Table
from pfafn.kit.errors import UserError
from pfafn.kit.files import MissingInput
from pfafn.models.parts import Category

SPLITS = ("train", "test")
PICTURES = (".jpg", ".png", ".jpeg")
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
    extensions: tuple[str, ...] = PICTURES

    def fits(self, name: str) -> bool:
        """Whether a file name is one of this role's.

        A hidden file is none, nor is a name that cannot be printed: no table could hold it.
        """
        stem, dot, kind = name.rpartition(".")
        known = f"{dot}{kind}".lower() in self.extensions and stem.endswith(self.suffix)
        return known and name.isprintable() and not name.startswith(".")


@dataclass(frozen=True)
class Layout:
    """One data set's way to store samples."""

    name: str
    signs: tuple[tuple[str, ...], ...]  # a root has all folders of one of these
    roles: Mapping[str, Role]  # person, garment, mask, parsing, keypoints, if any body_parts
    pairs: Mapping[str, tuple[str, ...]]  # split -> files of "person garment" lines
    table: Table  # of the parsing ids
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

    def knows(self, name: PurePosixPath) -> bool:
        """Whether a file, named relative to the root, is part of the layout."""
        for prefix in self.categories:
            if not name.is_relative_to(prefix):
                continue
            folder, file = name.relative_to(prefix).parent.as_posix(), name.name
            if folder == ".":
                return any(file in names for names in self.pairs.values())
            if folder in self.extra and file.isprintable() and not file.startswith("."):
                return True
            return any(role.fits(file) for role in self.homes.get(folder, ()))
        return False


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
    pairs={"test": ("test_pairs.txt", "demo.txt")},
    table=IDENTITY,
    every_person_has_a_garment=True,
    extra=("truth/test_tryon", "truth/test_flow", "truth/train_flow"),  # of the synthetic studio
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
    pairs={"test": ("test_pairs.txt",)},
    table=LIP,
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
    pairs={"test": ("test_pairs.txt",)},
    table=LIP_HD,
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
    pairs={
        "train": ("train_pairs.txt",),
        "test": ("test_pairs_unpaired.txt", "test_pairs_paired.txt"),
    },
    table=ATR,
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
    folders = {
        path.relative_to(root).as_posix()
        for pattern in ("*", "*/*")
        for path in root.glob(pattern)
        if path.is_dir()
    }
    layout = recognise(folders)
    if layout is None:
        raise LayoutError(
            f"{root}: no known layout; it has {sorted(folders)[:8] or 'no folders'}. "
            f"Looked for {signs_text()}; {HOW_TO_GET_DATA}"
        )
    return layout


def recognise(folders: set[str]) -> Layout | None:
    """The first layout of which `folders` (relative names) has the signs."""
    for layout in LAYOUTS.values():
        if any(folders.issuperset(sign) for sign in layout.signs):
            return layout
    return None


def signs_text() -> str:
    """What the layouts are recognised by, for messages."""
    return "; ".join(
        f"{layout.name}: " + " or ".join("+".join(sign) for sign in layout.signs)
        for layout in LAYOUTS.values()
    )
