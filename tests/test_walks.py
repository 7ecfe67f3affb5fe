"""docs/architecture.md, "Walks": every function is where the page says, and no walk enters a file twice."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STEP = re.compile(r"^(\d+)\. `([\w.]+)` \(`([\w./]+)`\)", re.MULTILINE)
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("## Walks\n")[2].partition("\n## ")[0]
WALKS = {text.split("**")[1]: STEP.findall(text) for text in re.split(r"\n(?=\*\*)", PAGE)[1:]}


def defines(text: str, name: str) -> bool:
    """Whether source of Python or Cython defines a function, or with a dot a method of a class."""
    owner, _, name = name.rpartition(".")
    if owner:
        found = re.search(rf"(?m)^(?:cdef )?class {owner}\b.*\n(?:(?:[ \t#].*)?\n)*", text)
        text = found[0] if found else ""
    kind = r"(?:async )?def|cpdef|cdef"
    return re.search(rf"(?m)^{' {4}' if owner else ''}(?:{kind})\b[^=(\n]*\b{name}\(", text) is not None


@pytest.mark.parametrize("walk", WALKS)
def test_every_function_is_where_the_page_says(walk):
    steps = WALKS[walk]
    assert [int(number) for number, _, _ in steps] == list(range(1, len(steps) + 1))
    assert len(steps) > 3
    gone = [f"{name} in {path}" for _, name, path in steps if not defines((ROOT / path).read_text("utf-8"), name)]
    assert gone == []


@pytest.mark.parametrize("walk", WALKS)
def test_no_walk_enters_a_file_twice(walk):
    files = [path for _, _, path in WALKS[walk]]
    assert len(files) == len(set(files))


def test_the_page_has_the_walks_of_a_frame_and_of_a_line():
    assert {"A hot frame", "Any other frame", "A line of a capture in a backtest."} <= WALKS.keys()
