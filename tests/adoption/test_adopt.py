import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import photoset
import pytest

from pfafn.adoption import archives
from pfafn.adoption.adopt import AdoptError, adopt
from pfafn.adoption.archives import ArchiveError


@pytest.fixture
def source(tmp_path):
    return photoset.viton(tmp_path / "VITON", train=2, test=1)


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def files(folder) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def tar(path, folder, names=None, arcname="."):
    with tarfile.open(path, "w:gz") as archive:
        for name in names or [p.name for p in folder.iterdir()]:
            archive.add(folder / name, f"{arcname}/{name}")
    return path


def crafted(path, name, kind=tarfile.REGTYPE, content=b"x", target=""):
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname = kind, len(content), target
        archive.addfile(info, io.BytesIO(content))
    return path


def assert_refused(data, error, match, *sources, layout="viton"):
    with pytest.raises(error, match=match):
        adopt(layout, sources, data)
    assert not data.exists()
    assert not list(data.parent.glob(".data*"))


@pytest.mark.parametrize("layout", ["viton", "auto"])
def test_a_folder_is_taken_over(source, data, layout):
    result = adopt(layout, [source], data)
    assert files(data) == files(source)
    assert (result.layout, result.files, result.ignored) == ("viton", 16, {})
    assert result.persons == {"train": 2, "test": 1}
    assert result.folders["train_img"] == 2


def test_files_of_a_folder_cost_no_disk_space(source, data):
    adopt("viton", [source], data)
    assert (data / "test_pairs.txt").samefile(source / "test_pairs.txt")


def test_only_files_of_the_layout_are_taken(source, data):
    (source / "README.md").write_text("hello")
    (source / "train_img" / "install.sh").write_text("rm -rf /")
    ignored = adopt("viton", [source], data).ignored
    assert ignored == {"README.md": 1, "train_img": 1}
    assert "train_img/install.sh" not in files(data)


def test_several_tars_make_one_data_set(source, data, tmp_path):
    parts = ["train", "test"]
    tars = [
        tar(tmp_path / f"{part}.tar.gz", source,
            [p.name for p in source.iterdir() if p.name.startswith(part)])
        for part in parts
    ]  # fmt: skip
    adopt("viton", tars, data)
    assert files(data) == files(source)


@pytest.mark.parametrize("layout", ["viton", "auto"])
def test_the_root_may_lie_deeper_in_an_archive(source, data, tmp_path, layout):
    packed = tar(tmp_path / "v.tar.gz", source, arcname="downloads/VITON")
    assert adopt(layout, [packed], data).persons == {"train": 2, "test": 1}


@pytest.mark.parametrize("train", ["Train", "TRAINING", "train_set"])
def test_splits_in_capitals_stay_splits(data, tmp_path, train):
    for split, n in ((train, 1), (train, 2), ("Test", 3)):
        photoset.viton_hd_sample(tmp_path / "S" / split, n)
    found = adopt("auto", [tmp_path / "S"], data)
    assert (found.persons, found.ignored) == ({"train": 2, "test": 1}, {})


def test_parts_that_might_each_be_the_data_set_are_not_guessed_between(data, tmp_path):
    for split in ("my_train", "my_test"):
        photoset.viton_hd_sample(tmp_path / "S" / split, 1)
    assert_refused(
        data, AdoptError, "2 folders in it are of layout viton-hd: my_test, my_train",
        tmp_path / "S", layout="auto",
    )  # fmt: skip


@pytest.mark.parametrize("packing", ["folders", "zips"])
def test_splits_given_one_by_one_stay_splits(data, tmp_path, packing):
    for split, n in (("Train", 1), ("Train", 2), ("Test", 3)):
        photoset.viton_hd_sample(tmp_path / split, n)
    sources = [tmp_path / "Train", tmp_path / "Test"]
    if packing == "zips":
        sources = [Path(shutil.make_archive(source, "zip", source)) for source in sources]
    assert adopt("viton-hd", sources, data).persons == {"train": 2, "test": 1}


def test_splits_given_one_by_one_may_be_words_of_longer_names(data, tmp_path):
    for split, n in (("VITON_Train", 1), ("VITON_Train", 2), ("VITON_Test", 3)):
        photoset.viton_hd_sample(tmp_path / split, n)
    sources = [tmp_path / "VITON_Train", tmp_path / "VITON_Test"]
    assert adopt("auto", sources, data).persons == {"train": 2, "test": 1}


def test_archives_within_a_folder_are_named(data, tmp_path):
    (tmp_path / "S").mkdir()
    (tmp_path / "S" / "VITON.zip").write_bytes(b"")
    assert_refused(
        data, AdoptError, r"it holds archives \(VITON.zip\): give these as sources",
        tmp_path / "S", layout="auto",
    )  # fmt: skip


def test_a_folder_within_the_data_set_is_no_other_data_set(source, data):
    shutil.copytree(source, source / "backup")
    found = adopt("auto", [source], data)
    assert found.persons == {"train": 2, "test": 1}
    assert found.ignored["backup/train_img"] == 2


@pytest.mark.parametrize("layout", ["viton", "auto"])
def test_a_pairs_file_beside_the_data_set_is_taken_too(source, data, layout):
    expected, download = files(source), source.parent / "download"
    shutil.move(source, download / "VITON")
    (download / "VITON/test_pairs.txt").rename(download / "test_pairs.txt")
    adopt(layout, [download], data)
    assert files(data) == expected


def test_the_data_sets_own_pairs_file_comes_before_one_beside_it(source, data):
    shutil.move(source, source.parent / "download/VITON")
    download = source.parent / "download"
    (download / "test_pairs.txt").write_text("other\n")
    assert adopt("viton", [download], data).ignored == {"test_pairs.txt": 1}
    assert (data / "test_pairs.txt").samefile(download / "VITON/test_pairs.txt")


def test_a_zip_of_windows_names_is_taken_over(source, data, tmp_path):
    with zipfile.ZipFile(tmp_path / "v.zip", "w") as archive:
        for name in files(source):
            entry = zipfile.ZipInfo(name)
            entry.filename = f"VITON\\{name}".replace("/", "\\")
            archive.writestr(entry, (source / name).read_bytes())
        folder = zipfile.ZipInfo("empty")
        folder.filename = "VITON\\empty\\"
        archive.writestr(folder, b"")
    adopt("viton", [tmp_path / "v.zip"], data)
    assert files(data) == files(source)


def test_a_zip_is_taken_over(source, data, tmp_path):
    with zipfile.ZipFile(tmp_path / "v.zip", "w") as archive:
        for name in files(source):
            archive.write(source / name, name)
    adopt("viton", [tmp_path / "v.zip"], data)
    assert files(data) == files(source)


def test_an_empty_data_folder_is_filled(source, data):
    data.mkdir()
    adopt("viton", [source], data)
    assert files(data) == files(source)


def test_data_is_never_overwritten(source, data):
    data.mkdir()
    (data / "mine.txt").write_text("keep")
    with pytest.raises(AdoptError, match="not empty"):
        adopt("viton", [source], data)
    assert files(data) == {"mine.txt"}


def test_linked_folders_are_followed(source, data, tmp_path):
    (source / "train_img").rename(tmp_path / "elsewhere")
    (source / "train_img").symlink_to(tmp_path / "elsewhere")
    adopt("viton", [source], data)
    assert "train_img/000000_0.jpg" in files(data)


def test_of_a_linked_photo_the_photo_is_taken_over(source, data, tmp_path):
    photo = source / "train_img" / "000000_0.jpg"
    photo.rename(tmp_path / "elsewhere.jpg")
    photo.symlink_to("../../elsewhere.jpg")
    adopt("viton", [source], data)
    taken = data / "train_img" / "000000_0.jpg"
    assert not taken.is_symlink()
    assert taken.read_bytes() == (tmp_path / "elsewhere.jpg").read_bytes()


@pytest.mark.parametrize(
    "name",
    ["/etc/train_img/1_0.jpg", "../train_img/1_0.jpg", "a\\..\\..\\train_img\\1_0.jpg",
     "\\\\server\\train_img\\1_0.jpg", "C:\\train_img\\1_0.jpg"],
)  # fmt: skip
def test_a_name_that_leads_out_is_refused(data, tmp_path, name):
    assert_refused(data, ArchiveError, "leads out", crafted(tmp_path / "evil.tar", name))


def test_a_file_without_a_name_is_refused(data, tmp_path):
    assert_refused(data, ArchiveError, "without a name", crafted(tmp_path / "evil.tar", "."))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(data, tmp_path, kind):
    evil = crafted(tmp_path / "evil.tar", "train_img/000001_0.jpg", kind, b"", "/etc/passwd")
    assert_refused(data, ArchiveError, "link or device", evil)


def test_a_giant_file_is_refused(data, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILE", 10)
    big = crafted(tmp_path / "big.tar", "train_img/000001_0.jpg", content=b"x" * 11)
    assert_refused(data, ArchiveError, "11 bytes", big)


def test_a_truncated_tar_is_refused(source, data, tmp_path):
    packed = tar(tmp_path / "v.tar.gz", source)
    packed.write_bytes(packed.read_bytes()[:3000])
    assert_refused(data, ArchiveError, "v.tar.gz", packed)


def test_a_file_that_is_no_archive_is_refused(data, tmp_path):
    (tmp_path / "x.txt").write_text("hello")
    assert_refused(data, ArchiveError, "x.txt", tmp_path / "x.txt")


@pytest.mark.parametrize(
    ("content", "said"), [(b"<!DOCTYPE html>", "a web page"), (b"Rar!\x1a\7\1", "archive .RAR.")]
)
def test_a_file_that_is_something_else_is_told(data, tmp_path, content, said):
    (tmp_path / "v.zip").write_bytes(content)
    assert_refused(data, ArchiveError, f"v.zip is (an )?{said}", tmp_path / "v.zip")


def test_a_link_that_leads_nowhere_is_named(source, data):
    (source / "train_img" / "lost_0.jpg").symlink_to("nowhere")
    assert_refused(data, ArchiveError, "lost_0.jpg: a link that leads nowhere", source)


def test_a_missing_source_is_named(data, tmp_path):
    assert_refused(data, ArchiveError, "nowhere", tmp_path / "nowhere")


def test_another_layout_is_refused(data, tmp_path):
    other = photoset.dresscode(tmp_path / "dc", 1)
    assert_refused(data, AdoptError, "nothing of layout viton", other)
    assert_refused(
        data, AdoptError, "no known layout", tmp_path / "dc/dresses/images", layout="auto"
    )


def test_an_unknown_layout_name_lists_the_known_ones(source, data):
    assert_refused(data, AdoptError, "viton-hd.*auto.*got 'hd'", source, layout="hd")


def test_sources_that_contradict_each_other_are_refused(source, data, tmp_path):
    other = photoset.viton(tmp_path / "other", train=1, test=2)
    assert_refused(data, AdoptError, "test_pairs.txt differs", source, other)


def test_sources_that_differ_only_at_the_end_of_a_large_file_contradict_each_other(
    source, data, tmp_path
):
    other = shutil.copytree(source, tmp_path / "other")
    for folder, last in ((source, b"a"), (other, b"b")):
        (folder / "train_img/000009_0.jpg").write_bytes(bytes(2**21) + last)
    assert_refused(data, AdoptError, "000009_0.jpg differs", source, other)


@pytest.mark.parametrize("name", ["viton-resize", "viton-hd", "dresscode"])
def test_other_layouts_are_kept_as_they_are(data, tmp_path, name):
    root = tmp_path / name
    if name == "viton-resize":
        photoset.viton_resize(root)
    elif name == "dresscode":
        photoset.dresscode(root)
    else:
        photoset.viton_hd_sample(root, 1)
    assert adopt(name, [root], data).layout == name
    assert files(data) == files(root)
