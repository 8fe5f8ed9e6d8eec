"""Archives made to do harm, or damaged on their way: taken over whole, or refused and named."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import photoset
import pytest
from fuzz import READ, REFUSED, counted, damaged, examples
from hypothesis import given
from hypothesis import strategies as st

from pfafn.adoption.adopt import AdoptError, adopt
from pfafn.adoption.archives import ArchiveError
from pfafn.data.layouts import VITON
from pfafn.kit.errors import UserError

PACKED = ["tar", "tar.gz", "tar.xz", "tar.bz2", "zip"]
each_kind = pytest.mark.parametrize("kind", PACKED)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photoset.viton(tmp_path_factory.mktemp("source") / "VITON", 2, 1, size=(64, 48))


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def packed(path: Path, source: Path) -> Path:
    names = sorted(files(source))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.write(source / name, name)
        return path
    mode = f"w:{path.suffix[1:]}" if path.suffix != ".tar" else "w"
    with tarfile.open(path, mode) as archive:
        for name in names:
            archive.add(source / name, name)
    return path


def crafted(path: Path, *members: tuple[str, bytes, bytes, str]) -> Path:
    """A tar of (name, kind, content, link target)."""
    with tarfile.open(path, "w") as archive:
        for name, kind, content, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(content), target
            archive.addfile(info, io.BytesIO(content))
    return path


@counted
def taken_or_refused(archive: Path, right: Callable[[set[str]], bool]) -> str:
    """data/ has the right files after adopt, or it refused and left everything as it was."""
    before = set(archive.parent.iterdir())
    with TemporaryDirectory(dir=archive.parent) as name:
        place = Path(name)
        try:
            adopt("viton", [archive], place / "data")
        except UserError as error:
            assert str(error)
            assert not list(place.iterdir())
            return REFUSED
        assert [p.name for p in place.iterdir()] == ["data"]
        assert set(archive.parent.iterdir()) == before | {place}
        assert right(files(place / "data"))
    return READ


def all_known(names: set[str]) -> bool:
    return all(VITON.knows(PurePosixPath(name)) for name in names)


pieces = st.one_of(
    st.sampled_from(["..", ".", "/", "train_img", "test_img", "train_img/000001_0.jpg", "~", "C:"]),
    st.text(max_size=5),
)
names = st.lists(pieces, min_size=1, max_size=4).map("/".join)
kinds = st.sampled_from([tarfile.REGTYPE] * 5 + [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE,
                                                 tarfile.FIFOTYPE, tarfile.CHRTYPE])  # fmt: skip
targets = st.sampled_from(["", "/etc/passwd", "../../etc/passwd", "train_img"])
entries = st.lists(st.tuples(names, kinds, st.just(b"x"), targets), min_size=1, max_size=4)


@examples(120)
@given(entries=entries)
def test_no_name_in_a_tar_leads_out_of_data(tmp_path: Path, entries: list) -> None:
    taken_or_refused(crafted(tmp_path / "x.tar", *entries), all_known)


@examples(100)
@given(entries=st.lists(names, min_size=1, max_size=4))
def test_no_name_in_a_zip_leads_out_of_data(tmp_path: Path, entries: list) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in dict.fromkeys(entries):
            archive.writestr(zipfile.ZipInfo(name), b"x")
    taken_or_refused(tmp_path / "x.zip", all_known)


@each_kind
@examples(25)
@given(data=st.data())
def test_a_damaged_archive_loses_no_file_silently(
    source: Path, tmp_path: Path, kind: str, data: Any
) -> None:
    whole = packed(tmp_path / f"good.{kind}", source)
    broken = tmp_path / f"broken.{kind}"
    broken.write_bytes(data.draw(damaged(whole.read_bytes())))
    taken_or_refused(broken, lambda found: len(found) == len(files(source)))


@each_kind
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_a_download_that_was_cut_off_is_refused(
    source: Path, tmp_path: Path, kind: str, share: float
) -> None:
    archive = packed(tmp_path / f"v.{kind}", source)
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ArchiveError, match=f"v.{kind}"):
        adopt("viton", [archive], tmp_path / "data")


def test_a_tar_that_ends_between_two_files_is_refused(source: Path, tmp_path: Path) -> None:
    archive = packed(tmp_path / "v.tar", source)
    with tarfile.open(archive) as opened:
        end = opened.getmembers()[7].offset
    archive.write_bytes(archive.read_bytes()[:end])
    with pytest.raises(ArchiveError, match=f"cut off at byte {end}, after 7 entries"):
        adopt("viton", [archive], tmp_path / "data")


def test_a_damaged_header_in_the_middle_is_refused(source: Path, tmp_path: Path) -> None:
    archive = packed(tmp_path / "v.tar", source)
    with tarfile.open(archive) as opened:
        place = opened.getmembers()[7].offset
    content = bytearray(archive.read_bytes())
    content[place] ^= 1
    archive.write_bytes(content)
    with pytest.raises(ArchiveError, match=f"damaged or cut off at byte {place}"):
        adopt("viton", [archive], tmp_path / "data")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("pfafn.adoption.archives.MAX_FILE", 2**20)
    info = tarfile.TarInfo("train_img/000001_0.jpg")
    info.size = 2**20 + 1
    bomb = tmp_path / "bomb.tar.gz"
    with gzip.open(bomb, "wb") as out:
        out.write(info.tobuf())
        out.write(bytes(2**21))
    assert bomb.stat().st_size < 10_000
    with pytest.raises(ArchiveError, match="1048577 bytes, more than"):
        adopt("viton", [bomb], tmp_path / "data")


def test_a_data_set_larger_than_the_disk_is_refused(
    source: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("pfafn.adoption.adopt.shutil.disk_usage", lambda _: usage)
    archive = packed(tmp_path / "v.tar", source)
    with pytest.raises(AdoptError, match=r"needs \d+ bytes, .* has 10 free"):
        adopt("viton", [archive], tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_zip_whose_file_is_longer_than_it_says_is_refused(source: Path, tmp_path: Path) -> None:
    archive = packed(tmp_path / "v.zip", source)
    content = archive.read_bytes()
    size = (source / "train_img/000001_0.jpg").stat().st_size
    place = content.index(b"PK\x01\x02")  # the directory, where sizes are told
    entry = content.index(b"train_img/000001_0.jpg", place)
    assert content[entry - 22 : entry - 18] == size.to_bytes(4, "little")
    lie = content[: entry - 22] + (size // 2).to_bytes(4, "little") + content[entry - 18 :]
    archive.write_bytes(lie)
    with pytest.raises(ArchiveError, match="v.zip"):
        adopt("viton", [archive], tmp_path / "data")


def test_an_encrypted_zip_is_refused(source: Path, tmp_path: Path) -> None:
    archive = packed(tmp_path / "v.zip", source)
    content = bytearray(archive.read_bytes())
    for sign, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := content.find(sign, place + 1)) >= 0:
            content[place + flags] |= 1
    archive.write_bytes(content)
    with pytest.raises(ArchiveError, match="encrypted"):
        adopt("viton", [archive], tmp_path / "data")


def test_hidden_and_unprintable_names_are_no_photos(source: Path, tmp_path: Path) -> None:
    archive = packed(tmp_path / "v.zip", source)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("train_img/._000001_0.jpg", b"resource fork")
        opened.writestr("train_img/\x1b[2J_0.jpg", b"clears the screen")
    assert adopt("viton", [archive], tmp_path / "data").ignored == {"train_img": 2}
    assert files(tmp_path / "data") == files(source)


def test_a_full_disk_is_told_and_leaves_nothing(
    source: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "data/x.jpg")

    monkeypatch.setattr("pfafn.adoption.adopt._copy", full)
    with pytest.raises(AdoptError, match="data/x.jpg: No space left on device; nothing was taken"):
        adopt("viton", [packed(tmp_path / "v.tar", source)], tmp_path / "data")
    assert not (tmp_path / "data").exists()
