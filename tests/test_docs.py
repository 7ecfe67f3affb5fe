"""What is written is true: examples run, settings load, commands parse, generated tables are those of the code."""

import contextlib
import doctest
import importlib
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hft
from hft import cli
from hft.config import load
from hft.persistence.schema import create_or_open

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w+)[^\n]*\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)

# A `__main__` runs when it is imported.
MODULES = sorted(
    {"hft", *(name for _, name, _ in pkgutil.walk_packages(hft.__path__, "hft.") if not name.endswith("__main__"))}
)


def fences(path: Path, kind: str) -> list[str]:
    return [found["body"] for found in FENCE.finditer(path.read_text("utf-8")) if found["kind"] == kind]


def pages_with(kind: str) -> list[Path]:
    return [path for path in PAGES if fences(path, kind)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL | doctest.ELLIPSIS)
    assert failed == 0


@pytest.mark.long
@pytest.mark.parametrize("path", pages_with("python"), ids=lambda path: path.name)
def test_python_in_the_pages_runs(path, monkeypatch, tmp_path):
    """In a process of its own, all of a page in one go, in an empty folder."""
    code = "\n".join(fences(path, "python"))
    with_examples(tmp_path)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def with_examples(folder: Path) -> None:
    """The strategies that pages speak of, as a user has saved them."""
    for example in (ROOT / "examples").glob("*.py"):
        shutil.copy(example, folder)


def environment() -> dict[str, str]:
    """Ours, with the tree first on the path."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("path", pages_with("toml"), ids=lambda path: path.name)
def test_settings_in_the_pages_load(path, monkeypatch, tmp_path):
    with_examples(tmp_path)
    monkeypatch.chdir(tmp_path)
    for number, text in enumerate(fences(path, "toml")):
        file = tmp_path / f"{number}.toml"
        file.write_text(text, "utf-8")
        load(file)


@pytest.mark.parametrize("path", pages_with("sh"), ids=lambda path: path.name)
def test_commands_in_the_pages_parse(path):
    """Each `hft …` line is parsed, options and all, and not run."""
    for block in fences(path, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\||;", line.partition("#")[0]):
                words = shlex.split(part)
                if words and Path(words[0]).name == "hft":
                    parse(words[1:])


def parse(words: list[str]) -> None:
    name, command = "hft", cli.commands()
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    command.make_context(name, words)


@pytest.mark.parametrize("path", pages_with("sql"), ids=lambda path: path.name)
def test_queries_in_the_pages_run(path, tmp_path):
    with contextlib.closing(create_or_open(tmp_path / "strategy.db")) as db:
        for query in fences(path, "sql"):
            db.execute(query).fetchall()


def test_generated_pages_are_those_of_the_code():
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_between_the_pages_lead_somewhere():
    for path in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_rules_are_numbered_as_the_code_cites_them():
    """docs/semantics.md holds rules 1 to 32 and more, each once, in order."""
    numbers = re.findall(r"^(\d+)\. ", (ROOT / "docs" / "semantics.md").read_text("utf-8"), flags=re.MULTILINE)
    rules = [int(number) for number in numbers]
    assert rules == sorted(set(rules))
    assert set(range(1, 33)) <= set(rules)


def test_cited_rules_exist():
    cited = set()
    for path in (ROOT / "hft").rglob("*.p*"):
        if path.suffix in {".py", ".pyx", ".pxd", ".pxi", ".pyi"}:
            cited |= {int(n) for n in re.findall(r"(?:SEMANTICS|[Rr]ule) (\d+)", path.read_text("utf-8"))}
    assert cited
    assert cited <= {int(n) for n in re.findall(r"^(\d+)\. ", (ROOT / "docs" / "semantics.md").read_text("utf-8"), flags=re.M)}


READS = {"backtest": 0, "verify": 0, "check": 0, "convert": 0, "--capture": 1, "--config": 1, "--input": 1, "--faults": 1}
"""Where the README's commands name a file that must be there: 0, as what follows the command, 1, as the option's value."""


def test_what_the_readme_reads_it_has_made_before():
    """So that each of its commands runs as it is written."""
    text = (ROOT / "README.md").read_text("utf-8")
    made: set[str] = set()
    lines = [each.partition("#")[0] for block in fences(ROOT / "README.md", "sh") for each in block.splitlines()]
    for words in map(shlex.split, lines):
        if not words or words[0] != "hft":
            continue
        for i, word in enumerate(words[:-1]):
            if word in READS:
                assert words[i + 1] in made, f"{' '.join(words)}: nothing makes {words[i + 1]}"
        made |= {words[i + 1] for i, word in enumerate(words[:-1]) if word in ("--record", "record", "init")}
        made |= {words[-1]} if words[1] == "convert" else set()
    assert "hft backtest" in text
