"""How files get from their sources into data/: linked or copied, counted, whole or not at all."""

import io
import os
import zipfile
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any

import photoset
import pytest
from sources import touched

from pfafn.adoption import adopt as adopting
from pfafn.adoption import archives, roots
from pfafn.adoption.adopt import AdoptError, adopt
from pfafn.adoption.archives import ArchiveError, Member, members
from pfafn.data.layouts import VITON

Patch = pytest.MonkeyPatch
PHOTO = PurePosixPath("train_img/000001_0.jpg")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photoset.viton(tmp_path_factory.mktemp("source") / "VITON", 2, 1, size=(64, 48))


def files(folder: Path) -> dict[str, bytes]:
    found = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def test_where_nothing_can_be_linked_it_is_copied(
    source: Path, tmp_path: Path, monkeypatch: Patch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    adopt("viton", [source], tmp_path / "data")
    assert files(tmp_path / "data") == files(source)
    assert not (tmp_path / "data" / PHOTO).samefile(source / PHOTO)


def test_data_may_be_a_link_to_a_larger_disk_and_stays_one(source: Path, tmp_path: Path) -> None:
    (tmp_path / "disk/data").mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "disk/data")
    adopt("viton", [source], tmp_path / "data")
    assert (tmp_path / "data").is_symlink()
    assert files(tmp_path / "disk/data") == files(source)


def test_a_file_in_the_place_of_data_is_kept(source: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("keep")
    with pytest.raises(AdoptError, match="data is not empty and nothing is overwritten"):
        adopt("viton", [source], tmp_path / "data")
    assert (tmp_path / "data").read_text() == "keep"


def test_what_a_killed_adoption_left_is_not_taken_for_photos(source: Path, tmp_path: Path) -> None:
    touched(tmp_path / ".data.partial", "train_img/000077_0.jpg")
    adopt("viton", [source], tmp_path / "data")
    assert files(tmp_path / "data") == files(source)


def test_progress_is_told_in_bytes_and_ends_with_all_of_them(source: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    result = adopt(
        "viton", [source], tmp_path / "data", lambda done, total: told.append((done, total))
    )
    sizes = sum(len(content) for content in files(source).values())
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) == result.files == 16
    assert told[-1] == (sizes, sizes) and result.bytes == sizes


def test_a_pairs_file_beside_the_data_set_counts_among_the_bytes_needed(tmp_path: Path) -> None:
    root = touched(tmp_path / "S", "test_pairs.txt", "VITON/train_img/1_0.jpg")
    found = roots.plan(root, VITON)
    assert found.bytes == len("test_pairs.txt" + "VITON/train_img/1_0.jpg")


def test_what_two_sources_have_alike_is_taken_and_counted_once(
    source: Path, tmp_path: Path
) -> None:
    result = adopt("viton", [source, source], tmp_path / "data")
    assert (result.files, result.ignored) == (16, {})
    assert result.bytes == sum(len(content) for content in files(source).values())


def test_what_was_put_together_has_to_be_of_the_layout(tmp_path: Path) -> None:
    """Without poses the folders of cp-vton's set are those of VITON-HD."""
    root = touched(tmp_path / "S", "train/image/1_0.jpg", "train/cloth/1_1.jpg")
    with pytest.raises(AdoptError, match="sources are in layout viton-hd, not viton-resize"):
        adopt("viton-resize", [root], tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir()] == ["S"]


def test_persons_and_garments_are_counted_by_themselves(source: Path, tmp_path: Path) -> None:
    touched(tmp_path / "more", "test_color/000107_1.jpg")
    result = adopt("viton", [source, tmp_path / "more"], tmp_path / "data")
    assert result.persons == {"train": 2, "test": 1}
    assert result.garments == {"train": 2, "test": 2}


class Endless(io.RawIOBase):
    """A stream that goes on longer than it says; whoever asks too often fails."""

    left = 3

    def read(self, size: int = -1) -> bytes:
        self.left -= 1
        assert self.left >= 0, "it was read on, although it was too long"
        return bytes(size)


def copied(tmp_path: Path, size: int, stream: Any) -> None:
    member = Member(PHOTO, size, lambda: closing(stream))
    adopting._copy(Path("v.zip"), member, tmp_path / "x.jpg")


def test_a_member_longer_than_it_says_is_not_read_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=f"v.zip: {PHOTO} is not of the 10 bytes it says"):
        copied(tmp_path, 10, Endless())


def test_a_member_shorter_than_it_says_is_refused(tmp_path: Path) -> None:
    copied(tmp_path, 3, io.BytesIO(b"abc"))
    with pytest.raises(ArchiveError, match="is not of the 4 bytes it says"):
        copied(tmp_path, 4, io.BytesIO(b"abc"))


# Names and numbers in archives


def zipped(path: Path, *names: str, mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, b"x")
    return path


def listed(source: Path) -> list[str]:
    with members(source) as found:
        return [str(member.name) for member in found]


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="1_0.jpg is a link or device"):
        listed(zipped(tmp_path / "v.zip", "train_img/1_0.jpg", mode=0o120777))
    assert listed(zipped(tmp_path / "w.zip", "train_img/1_0.jpg", mode=0o100644))


def test_folders_in_an_archive_are_no_files(tmp_path: Path) -> None:
    assert listed(zipped(tmp_path / "v.zip", "train_img/", "train_img/1_0.jpg", "a\\b\\")) == [
        "train_img/1_0.jpg"
    ]


def test_an_archive_has_no_more_files_and_no_longer_names_than_a_data_set(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(archives, "MAX_FILES", 2)
    assert listed(zipped(tmp_path / "a.zip", "a", "b")) == ["a", "b"]
    with pytest.raises(ArchiveError, match="more than 2 files"):
        listed(zipped(tmp_path / "b.zip", "a", "b", "c"))
    assert listed(zipped(tmp_path / "c.zip", "n" * 1000))
    with pytest.raises(ArchiveError, match="a name of 1001 letters"):
        listed(zipped(tmp_path / "d.zip", "n" * 1001))


def test_a_file_of_the_largest_size_is_taken(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(archives, "MAX_FILE", 1)
    assert listed(zipped(tmp_path / "a.zip", "a")) == ["a"]


def test_a_folder_is_read_in_one_order_down_to_eight_folders(tmp_path: Path) -> None:
    deep = "/".join("abcdefgh")
    touched(tmp_path, "b/2", "b/1", "a/3", f"{deep}/in", f"{deep}/i/out")
    assert listed(tmp_path) == ["a/3", f"{deep}/in", "b/1", "b/2"]


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    touched(tmp_path, "a/1")
    (tmp_path / "a/again").symlink_to(tmp_path)
    assert "a/1" in listed(tmp_path) and len(listed(tmp_path)) < 10


def test_a_hidden_link_that_leads_nowhere_is_nobodys_photo(tmp_path: Path) -> None:
    touched(tmp_path, "a")
    (tmp_path / ".lock").symlink_to("nowhere")
    assert listed(tmp_path) == ["a"]


def test_what_is_neither_file_nor_folder_is_no_member(tmp_path: Path) -> None:
    touched(tmp_path, "a")
    os.mkfifo(tmp_path / "pipe")
    assert listed(tmp_path) == ["a"]
