"""Which of our modules lead to which others, read from the source; nothing is imported."""

import ast
from collections.abc import Container
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = ("pfafn", "flows", "benchmarks")


def path_of(module: str) -> Path | None:
    """The file of one of our modules, relative to the root; None if there is no such module."""
    base = Path(*module.split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if (ROOT / file).is_file():
            return file
    return None


@cache
def imported(module: str, *, top: bool = False) -> frozenset[str]:
    """Full names of what a module of ours imports; with top, only what importing it imports."""
    file = path_of(module)
    assert file, f"no module {module}"
    names: set[str] = set()
    for node in _nodes(ast.parse((ROOT / file).read_text()), top=top):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: relative import"
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def _nodes(tree: ast.AST, *, top: bool) -> list[ast.AST]:
    """All nodes that may run; with top, those that run on import."""
    skipped = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda) if top else ()
    nodes: list[ast.AST] = []
    for child in ast.iter_child_nodes(tree):
        if _type_checking(child) or isinstance(child, skipped):
            continue
        nodes += [child, *_nodes(child, top=top)]
    return nodes


def _type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def reached(module: str, *, top: bool = False, without: Container[str] = ()) -> set[str]:
    """Our modules that a module of ours leads to, itself and the packages around them included.

    Nothing leads through the modules and packages of `without`.
    """
    passed: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        package = name.rpartition(".")[0]
        if name in passed or not name.startswith(OURS) or not path_of(name):
            continue
        if name in without or package in without:
            continue
        passed.add(name)
        waiting += [*imported(name, top=top), package]
    return passed


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(folder: str) -> list[str]:
    """Every module below a folder of the project."""
    return sorted(module_of(file) for file in (ROOT / folder).rglob("*.py"))


def libraries(module: str, *, top: bool = False) -> set[str]:
    """Top-level names of everything not ours that a module leads to."""
    names = {name for ours in reached(module, top=top) for name in imported(ours, top=top)}
    return {name.split(".")[0] for name in names} - set(OURS)
