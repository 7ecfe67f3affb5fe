"""A source distribution is whole, and an incomplete source tree is refused instead of built without its modules."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# What the sdist adds to the files of the repository.
ADDED = {"PKG-INFO", "setup.cfg"}


@pytest.fixture
def tree(tmp_path):
    """A copy of the repository's files, and the list of them."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout: nothing says which files there are")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}
    for name in names:
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "tree" / name)
    return tmp_path / "tree", names


def setup(tree, *arguments):
    return subprocess.run([sys.executable, "setup.py", "-q", *arguments], cwd=tree, capture_output=True, text=True, timeout=300)


def test_an_sdist_holds_every_file_of_the_repository(tree):
    folder, names = tree
    done = setup(folder, "sdist", "--formats=tar", "--dist-dir=dist")
    assert done.returncode == 0, done.stderr
    with tarfile.open(next((folder / "dist").iterdir())) as archive:
        held = {member.name.split("/", 1)[1] for member in archive if member.isfile()}
    assert {name for name in held if not name.startswith("hft.egg-info/")} - ADDED == names


@pytest.mark.parametrize("lost", ["hft/_core/market/book.pyx", "hft/exchange/flow.pyx", "hft/net/listener.pyx"])
def test_a_tree_without_one_of_its_modules_is_not_built(tree, lost):
    folder, _ = tree
    (folder / lost).unlink()
    done = setup(folder, "build_ext", "--inplace")
    assert done.returncode == 1
    assert done.stderr.strip() == f"hft can't be built: {lost} is missing here; use a git checkout or a complete sdist"
