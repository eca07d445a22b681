"""What setup.cfg, pyproject.toml and .ci say must agree with each other and with the code."""

import ast
import configparser
import re
import sys
import tomllib
import warnings
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).parents[1]

# Where the module that is imported is not named like the package that is installed.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "taming": "taming-transformers",
    "yaml": "pyyaml",
}
# What is asked for by name, as in vidmask[parquet].
EXTRAS = ("parquet", "torchcodec", "flow", "dvae", "report", "ray", "notebooks")


@cache
def _setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    return parser


def _requirements(section: str, key: str) -> dict[str, Requirement]:
    lines = [line for line in _setup()[section][key].splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


REQUIRED = _requirements("options", "install_requires")
TEST = _requirements("options.extras_require", "test")
EXTRA = {
    name: requirement
    for extra in EXTRAS
    for name, requirement in _requirements("options.extras_require", extra).items()
}


def _pins(text: str) -> dict[str, Version]:
    pairs = re.findall(r"^([\w.-]+)==(\S+)$", text, flags=re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in pairs}


CONSTRAINTS = _pins((REPOSITORY / ".ci" / "constraints.txt").read_text())
OLDEST = _pins((REPOSITORY / ".ci" / "oldest").read_text())


@pytest.mark.parametrize("requirement", [*REQUIRED.values(), *TEST.values(), *EXTRA.values()], ids=str)
def test_the_constraints_hold_a_version_that_every_requirement_accepts(requirement):
    assert CONSTRAINTS[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_constraints_are_exact_versions_and_nothing_else():
    for line in (REPOSITORY / ".ci" / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"#.*|[\w.-]+==[\w.+!]+", line), line


def test_the_constraints_leave_what_belongs_to_one_kind_of_gpu_to_torch():
    assert not [name for name in CONSTRAINTS if name.startswith(("nvidia-", "cuda-", "triton"))]
    assert not [name for name, version in CONSTRAINTS.items() if version.local]


def test_torch_2_13_0_is_pinned_nowhere():
    # A build of it for CPUs alone breaks torchvision.
    assert CONSTRAINTS["torch"] != Version("2.13.0")
    assert "2.13.0" not in str(REQUIRED["torch"].specifier)


@pytest.mark.parametrize("requirement", [*REQUIRED.values(), *TEST.values()], ids=str)
def test_every_requirement_has_one_lower_bound_which_the_oldest_run_installs(requirement):
    (bound,) = [specifier.version for specifier in requirement.specifier if specifier.operator == ">="]
    if requirement.name in {"ruff", "pyright"}:  # not needed to run tests
        return
    assert OLDEST[canonicalize_name(requirement.name)] == Version(bound)


def test_torch_and_torchvision_have_no_upper_bound():
    for name in ("torch", "torchvision"):
        assert [specifier.operator for specifier in REQUIRED[name].specifier] == [">="]


@pytest.mark.parametrize("name", ["lightning", "pytorch-lightning"])
@pytest.mark.parametrize("version", ["2.6.2", "2.6.3"])
def test_the_malicious_releases_are_refused(name, version):
    assert Version(version) not in REQUIRED[name].specifier
    assert Version("2.6.4") in REQUIRED[name].specifier


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("options", "install_requires"),
        *(("options.extras_require", key) for key in ("test", *EXTRAS)),
    ],
)
def test_every_bound_carries_its_reason(section, key):
    explained = False
    for line in filter(None, _setup_lines(section, key)):
        assert line.startswith("#") or explained, f"setup.cfg: {line} stands without a comment above it"
        explained = line.startswith("#") or line.startswith("ruff")  # one comment for both tools


def _setup_lines(section: str, key: str) -> list[str]:
    """Return the lines of a value with its comments, which configparser leaves out."""
    text = (REPOSITORY / "setup.cfg").read_text(encoding="utf-8")
    text = text.partition(f"[{section}]")[2].partition(f"\n{key} =")[2]
    lines = text.splitlines()[1:]
    end = next((index for index, line in enumerate(lines) if line and not line.startswith(" ")), len(lines))
    return [line.strip() for line in lines[:end]]


def test_every_package_is_listed():
    listed = _setup()["options"]["packages"].split()
    found = {
        ".".join(path.parent.relative_to(REPOSITORY).parts) for path in (REPOSITORY / "vidmask").rglob("*.py")
    }
    assert sorted(listed) == sorted({*found, "vidmask.experiments"})


def test_every_kind_of_file_in_experiments_is_shipped():
    shipped = {
        Path(pattern).suffix for pattern in _setup()["options.package_data"]["vidmask.experiments"].split()
    }
    files = [path for path in (REPOSITORY / "experiments").rglob("*") if path.is_file()]
    left_out = {"__pycache__", "results"}
    assert {path.suffix for path in files if left_out.isdisjoint(path.parts)} <= shipped


def test_every_import_of_another_package_is_a_requirement():
    imported = set()
    for path in (REPOSITORY / "vidmask").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add((node.module or "").partition(".")[0])
    foreign = imported - set(sys.stdlib_module_names) - {"vidmask"}
    assert {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in foreign} <= set(REQUIRED) | set(
        EXTRA
    )


def test_pyproject_holds_the_build_system_and_tools_alone():
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        assert set(tomllib.load(file)) == {"build-system", "tool"}


def test_the_entry_point_is_the_main_function():
    assert "vidmask = vidmask.cli:main" in _setup()["options.entry_points"]["console_scripts"]


@pytest.mark.parametrize("name", ["run", "oldest"])
def test_ci_scripts_are_executable_and_stop_at_the_first_failure(name):
    script = REPOSITORY / ".ci" / name
    assert script.stat().st_mode & 0o111
    assert "\nset -euo pipefail\n" in script.read_text()


@pytest.mark.parametrize("name", ["quickstart", "test"])
def test_the_readme_opens_with_commands_of_one_line(name):
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    command = re.search(rf"<!-- command: {name} -->\n+```bash\n([^\n]+)\n```\n", readme)
    assert command, f"README.md: '<!-- command: {name} -->' must be followed by a bash block of one line"
    assert "python3 -m venv .venv && " in command[1]
    assert "-c .ci/constraints.txt" in command[1]
    assert command[1].rpartition(" && ")[2].startswith(".venv/bin/")


@pytest.mark.parametrize("module", ["vidmask", "vidmask.data.readers"])
def test_warnings_raised_inside_the_package_are_errors(module):
    with pytest.raises(UserWarning, match="ours"):
        warnings.warn_explicit("ours", UserWarning, "file.py", 1, module=module)


@pytest.mark.parametrize("module", ["torch.nn", "vidmask_plugin"])
def test_warnings_of_other_packages_are_no_errors(module):
    with warnings.catch_warnings(record=True) as shown:  # keeps the filters, other than pytest.warns
        warnings.warn_explicit("theirs", UserWarning, "file.py", 1, module=module)
    assert [str(warning.message) for warning in shown] == ["theirs"]
