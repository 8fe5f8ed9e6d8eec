"""README and docs/ are true: every link, command, file, function and setting they name exists."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer
import yaml
from importgraph import ROOT, path_of

from pfafn.cli.app import app

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
FOLDERS = ("pfafn", "flows", "tests", "docs", "profiles", "ci", "benchmarks")
TRAININGS = ("tutor_warp", "tutor_tryon", "student_warp", "student_tryon")
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
FILES = (".safetensors", ".parquet", ".png")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def fenced(text: str) -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)


def inline(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def commands(page: Path) -> Iterator[list[str]]:
    """Words of every command of ours on a page: what stands in code and has such a beginning."""
    blocks = "\n".join(fenced(page.read_text())).replace("\\\n", " ").splitlines()
    for line in [*blocks, *inline(page.read_text())]:
        for command in line.partition(" #")[0].split("&&"):
            if start := re.search(r"(?<![\w/.-])(pfafn [a-z]|make [a-z]|python -m )", command):
                yield shlex.split(command[start.start() :])


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


def leaves(node: object, name: str = "") -> Iterator[str]:
    """Full names of the keys of a params file that hold a value."""
    if not isinstance(node, dict):
        yield name
        return
    for key, value in node.items():
        yield from leaves(value, f"{name}.{key}" if name else key)


@cache
def defined(file: Path) -> set[str]:
    """Names at a module's top, and those of its classes' methods (`Class.method`)."""
    names: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
            names |= {f"{node.name}.{method.name}" for method in methods}
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_the_readme_is_read_in_one_go() -> None:
    assert len(README.read_text().splitlines()) <= 150


@each_page
def test_lines_can_be_read(page: Path) -> None:
    lines = [line for line in page.read_text().splitlines() if not line.startswith("|")]
    assert not [line for line in lines if len(line) > 100]


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in link:
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/\w+\.md)\)", README.read_text()))
    assert linked == {page.relative_to(ROOT).as_posix() for page in PAGES[1:]}


def verb(words: list[str]) -> tuple[str, set[str]]:
    """The verb (and its own verb) that a command of ours starts, and the options that it knows."""
    command, names = typer.main.get_command(app), []
    for word in words[1:]:
        if hasattr(command, "commands"):
            assert word in command.commands, shlex.join(words)
            command = command.commands[word]
            names.append(word)
    return " ".join(names), {
        option for param in command.params for option in (*param.opts, *param.secondary_opts)
    }


@each_page
def test_verbs_and_their_options_exist(page: Path) -> None:
    for words in [words for words in commands(page) if words[0] == "pfafn"]:
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= verb(words)[1], shlex.join(words)


def test_every_verb_and_every_target_is_shown_on_some_page() -> None:
    shown = [words for page in PAGES for words in commands(page)]
    verbs = {verb(words)[0] for words in shown if words[0] == "pfafn"}
    there = typer.main.get_command(app).commands
    groups = {name: verb for name, verb in there.items() if hasattr(verb, "commands")}
    below = {f"{group} {name}" for group, verb in groups.items() for name in verb.commands}
    assert (there.keys() | below) - verbs == {*groups, "version"}
    assert {words[1] for words in shown if words[0] == "make"} >= TARGETS - {"install", "data"}


@each_page
def test_modules_that_are_started_exist_and_know_their_options(page: Path) -> None:
    for words in [words for words in commands(page) if words[:2] == ["python", "-m"]]:
        if words[2] == "pfafn":
            continue
        file = path_of(words[2])
        assert file, shlex.join(words)
        starter = file.with_name("__main__.py") if file.name == "__init__.py" else file
        source = (ROOT / starter).read_text()
        options = [word for word in words[3:] if word.startswith("--") and word != "--help"]
        assert all(f'"{option}"' in source for option in options), shlex.join(words)


@each_page
def test_targets_exist(page: Path) -> None:
    assert {words[1] for words in commands(page) if words[0] == "make"} <= TARGETS


@each_page
def test_files_folders_and_functions_exist(page: Path) -> None:
    base = ROOT / "pfafn" if page.name == "paper.md" else ROOT
    for code in inline(page.read_text()):
        name, _, function = code.partition(":")
        if function and name.endswith(".py"):
            assert function in defined(base / name), code
        elif re.fullmatch(rf"({'|'.join(FOLDERS)})/[\w./-]*", code):
            assert (ROOT / code).exists() or "NAME" in code, code
        elif re.fullmatch(r"\w+\.py", code):
            assert any((ROOT / "pfafn").rglob(code)), code
        elif re.fullmatch(r"pfafn(\.\w+)+", code):
            assert path_of(code), code


@each_page
def test_params_that_are_named_exist(page: Path) -> None:
    known = {".".join(key.split(".")[:depth]) for key in leaves(PARAMS) for depth in (2, 3)}
    key = rf"(?:{'|'.join(PARAMS)})(?:\.[a-z_0-9]+)+"
    set_to = re.findall(rf"\b({key})=", page.read_text())
    named = [code for code in inline(page.read_text()) if re.fullmatch(key, code)]
    assert {name for name in [*set_to, *named] if not name.endswith(FILES)} <= known


def test_every_param_is_explained() -> None:
    explained = set(re.findall(r"`([\w.]+)`", SETTINGS))
    for stage in TRAININGS:
        explained |= {key.replace("STAGE.", f"{stage}.") for key in explained}
    assert set(leaves(PARAMS)) <= explained


def test_every_environment_variable_is_explained_and_every_explained_one_is_used() -> None:
    variable = r"PFAFN_[A-Z_]*[A-Z]"
    files = [ROOT / "Makefile", *(ROOT / "ci").iterdir()]
    for folder in ("pfafn", "flows", "benchmarks"):
        files += (ROOT / folder).rglob("*.py")
    used = {name for file in files for name in re.findall(variable, file.read_text())}
    asked = rf'environ\.get\("({variable})"'
    for file in (ROOT / "tests").rglob("*.py"):
        used |= set(re.findall(asked, file.read_text()))
    assert set(re.findall(variable, SETTINGS)) == used


def test_every_folder_of_the_house_has_its_line() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| [\w ]+ \| `(\w+)` \|", page, re.M)
    folders = {file.parent.name for file in (ROOT / "pfafn").glob("*/__init__.py")}
    assert sorted(rows) == sorted(folders)


def test_stages_are_told_of_in_the_order_in_which_they_run() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    told = re.findall(r"^\| `(\w+)` \|", page, re.M)
    assert told == list(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
