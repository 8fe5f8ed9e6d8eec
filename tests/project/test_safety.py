"""What the code never does: unpickle, evaluate, or hand a string to a shell."""

import ast
from collections.abc import Iterator

import pytest
from importgraph import ROOT, modules, path_of

ALL = [*modules("pfafn"), *modules("flows")]
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# Read as an error's name alone.
ERRORS = {("pfafn.weights.official", "pickle", "UnpicklingError")}
FORBIDDEN = {"eval", "exec", "compile", "os.system", "os.popen", "subprocess.getoutput",
             "subprocess.getstatusoutput", "pd.read_pickle", "torch.save", "torch.jit.load",
             "yaml.unsafe_load", "yaml.full_load", "shutil.unpack_archive"}  # fmt: skip
# The official form is a pickle of tensors; we write it, and read it as tensors only.
ALLOWED = {("pfafn.weights.official_files", "torch.save")}
each_module = pytest.mark.parametrize("module", ALL)


def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / path_of(module)).read_text())


def calls(module: str) -> Iterator[tuple[str, dict[str, ast.expr]]]:
    """(dotted name, keyword arguments) of each call."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {k.arg: k.value for k in node.keywords if k.arg}


def given(keywords: dict[str, ast.expr], name: str) -> object:
    value = keywords.get(name)
    return value.value if isinstance(value, ast.Constant) else value


@each_module
def test_nothing_imports_a_pickler(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            assert not {name.name.split(".")[0] for name in node.names} & PICKLES
        if isinstance(node, ast.ImportFrom) and node.module in PICKLES:
            assert all((module, node.module, name.name) in ERRORS for name in node.names)


@each_module
def test_nothing_calls_what_runs_data(module: str) -> None:
    for name, _ in calls(module):
        assert name not in FORBIDDEN or (module, name) in ALLOWED, name


@each_module
def test_what_could_unpickle_is_told_not_to(module: str) -> None:
    for name, keywords in calls(module):
        if name == "torch.load":
            assert given(keywords, "weights_only") is True
        if name == "np.load":
            assert given(keywords, "allow_pickle") is False


@each_module
def test_no_command_goes_through_a_shell(module: str) -> None:
    for name, keywords in calls(module):
        if name.startswith("subprocess."):
            assert given(keywords, "shell") in (None, False)


@each_module
def test_no_yaml_makes_objects(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "yaml.load":
            loader = ast.unparse(node.args[1])
            assert loader == "LOADER"  # of pfafn.chronicle.record: one of the safe ones
