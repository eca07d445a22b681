"""The import graph of the package, and which file tests which."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vidmask

PACKAGE = Path(vidmask.__file__).parent
TESTS = Path(__file__).parent

# What each part of the package may import from the others. A part is a module or a sub-package; inside a
# sub-package imports are free. A new part fails the tests until it has a row.
ALLOWED = {
    "tokens": set(),
    "choices": set(),
    "randomness": set(),
    "optim": set(),
    "environment": set(),
    "recipes": set(),
    "runs": set(),
    "masking": {"tokens", "choices"},
    "models": {"tokens", "choices"},
    "targets": {"tokens", "choices", "models", "checkpoints"},
    "objectives": {"tokens", "choices", "models", "targets"},
    "checkpoints": {"models"},
    "data": {"tokens", "randomness", "choices"},
    "evaluation": {"choices", "data"},
    "classification": {
        *("tokens", "choices", "randomness", "models", "optim", "checkpoints", "data", "evaluation"),
    },
    "features": {"data"},
    "probing": {"models", "optim", "features", "evaluation", "data"},
    "plotting": {"tokens"},
    "results": {"evaluation", "runs"},
    "report": {"results", "data", "runs"},
    "pictures": {"tokens", "models", "objectives", "plotting", "pretraining", "targets", "tokenizer"},
    "show": {"tokens", "pictures", "plotting", "pretraining"},
    "testing": {"tokens", "randomness", "masking", "models", "targets", "objectives"},
    "pretraining": {"tokens", "randomness", "masking", "models", "objectives", "optim", "checkpoints"},
    "tokenizer": {"tokens", "randomness", "models", "optim", "trained_vqgan"},
    "trained_vqgan": {"models", "data", "recipes"},
    "progress": {"tokens", "optim"},
    "loggers": {"runs"},
    "callbacks": {
        *("tokens", "models", "data", "probing", "plotting", "pictures", "runs"),
        *("pretraining", "classification", "evaluation", "environment", "features", "choices"),
    },
    "sweeps": {"choices", "data", "recipes", "runs"},
    "cli": {
        *("tokens", "masking", "models", "targets", "objectives", "data", "pretraining"),
        *("callbacks", "progress", "loggers", "environment", "recipes", "runs", "tokenizer", "trained_vqgan"),
        *("classification", "features", "probing", "checkpoints", "show", "sweeps", "report"),
    },
    "__main__": {"cli"},
}

# Who may import a framework: a part, or one module of it.
OWNERS = {
    "lightning": {
        "pretraining",
        "pictures",
        "classification.module",
        "tokenizer",
        "callbacks",
        "progress",
        "loggers",
        "cli",
        "data.datamodule",
    },
    "pytorch_lightning": set(),
    "ray": {"sweeps.cluster"},
    "pytorchvideo": {"data.readers", "data.sources", "data.synthetic", "data.datamodule"},
}

# Importing these loads nothing heavy, so that `vidmask --help` answers at once.
LIGHT = ["vidmask", "vidmask.cli"]


def _module(path: Path) -> str:
    """Return the dotted name below ``vidmask``, such as ``models.vit``; empty for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _imported(source: str, module: str, *, is_package: bool = False) -> Iterator[str]:
    """Yield the absolute name of everything that the source imports, at any depth of it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                above = f"vidmask.{module}".rstrip(".").split(".")
                above = above[: len(above) - node.level + is_package]
                origin = ".".join([*above, *filter(None, [node.module])])
            # `from vidmask.models import vit` may name a module or something in one.
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "vidmask":
            yield f"vidmask.{node.attr}"  # a lazy name of the package
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (name.value for name in node.args if isinstance(name, ast.Constant))


def _owners(module: str) -> set[str]:
    """Return a module and the packages that it lies in, such as ``data.readers`` and ``data``."""
    parts = module.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts) + 1)}


def _forbidden(source: str, module: str, *, is_package: bool = False) -> list[str]:
    part = module.partition(".")[0]
    found = []
    for name in _imported(source, module, is_package=is_package):
        top, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if top == "vidmask":
            # The package itself offers its version and its place; all else from where it is defined.
            forbidden = target not in {"", "__version__", "__file__", part, *ALLOWED[part]}
        else:
            forbidden = top in OWNERS and not _owners(module) & OWNERS[top]
        if forbidden:
            found.append(name)
    return found


def test_every_part_has_a_row_and_every_row_a_part():
    parts = {module.partition(".")[0] for module in MODULES if module}
    assert parts == set(ALLOWED)


@pytest.mark.parametrize("module", [module for module in MODULES if module])
def test_a_module_imports_only_along_the_arrows(module):
    path = MODULES[module]
    found = _forbidden(path.read_text(), module, is_package=path.name == "__init__.py")
    assert not found, f"vidmask/{path.relative_to(PACKAGE)} must not import {', '.join(found)}"


def test_no_row_allows_what_nobody_imports():
    used = {part: set() for part in (*ALLOWED, *OWNERS)}
    for module, path in MODULES.items():
        part = module.partition(".")[0]
        for name in _imported(path.read_text(), module, is_package=path.name == "__init__.py"):
            top, _, rest = name.partition(".")
            if part and top == "vidmask":
                used[part].add(rest.partition(".")[0])
            elif top in OWNERS:
                used[top] |= _owners(module)
    rows = ALLOWED | OWNERS
    assert {row: left for row, names in rows.items() if (left := names - used[row])} == {}


def test_nothing_flows_back():
    reachable = {part: set(targets) for part, targets in ALLOWED.items()}
    for _ in ALLOWED:
        for targets in reachable.values():
            targets.update(*(reachable[target] for target in list(targets)))
    assert [part for part, targets in reachable.items() if part in targets] == []


@pytest.mark.parametrize(
    "line",
    [
        "import vidmask.pretraining",
        "from vidmask.pretraining import MaskedPretraining",
        "from vidmask import pretraining",
        "from vidmask import VideoViT",
        "import vidmask\nvidmask.VideoViT()",
        "from ..pretraining import MaskedPretraining",
        "from .. import pretraining",
        "def late():\n    import vidmask.pretraining",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from vidmask import pretraining",
        "import importlib\nimportlib.import_module('vidmask.pretraining')",
        "from lightning.pytorch import Trainer",
        "import pytorch_lightning",
        "import pytorchvideo.data",
    ],
)
def test_the_check_finds_every_way_to_import(line):
    assert len(_forbidden(line, "models.vit")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "from .layers import Block",
        "from vidmask.models import layers",
        "from vidmask import tokens",
        "import vidmask\nprint(vidmask.__version__)",
        "import torch",
    ],
)
def test_the_check_lets_the_arrows_pass(line):
    assert _forbidden(line, "models.vit") == []


def _only_exports(path: Path) -> bool:
    """Say whether an ``__init__.py`` holds nothing but a docstring, imports and ``__all__``."""
    statements = ast.parse(path.read_text()).body
    return path.name == "__init__.py" and all(
        isinstance(statement, ast.Expr | ast.Import | ast.ImportFrom)
        or (isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__")
        for statement in statements
    )


@pytest.mark.parametrize("module", [module for module, path in MODULES.items() if not _only_exports(path)])
def test_every_file_has_its_test_file(module):
    last_names = [other.rpartition(".")[2] for other in MODULES]
    name = {"": "init", "__main__": "main"}.get(module, module)
    parts = name.split(".")
    accepted = {f"test_{'_'.join(parts[start:])}.py" for start in range(max(len(parts) - 1, 1))}
    if last_names.count(parts[-1]) == 1:
        accepted.add(f"test_{parts[-1]}.py")
    assert any((TESTS / file).is_file() for file in accepted), (
        f"tests/ must hold {' or '.join(sorted(accepted))}"
    )


@pytest.mark.parametrize("name", LIGHT)
def test_importing_the_command_line_loads_nothing_heavy(name):
    heavy = "{'torch', 'lightning', 'jsonargparse', 'numpy', 'av', 'pytorchvideo'}"
    code = f"import sys, {name}; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, f"import {name} loads {done.stderr}"
