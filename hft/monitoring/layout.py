"""Fits sections into a terminal by importance; those without room go to another page.

A section is drawn as lines. It gives the fewest lines it needs and the most it can use, and gets a number between. The foot of
a page names everything that is not on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.text import Text

Lines = list[Text]
ENOUGH = 12
"""Lines that every section gets, if it can use them, before optional sections are added."""
GAP = 3
"""Columns between two sections side by side."""


class Block(NamedTuple):
    """A part of the view."""

    name: str
    least: int
    """Fewest useful lines."""
    most: int
    """Lines that it can use."""
    draw: Callable[[int], Lines]
    """Draws at most this many lines; if that is too few, the last says what is missing."""
    optional: bool = False
    """Left out if the page has no room, since its data is shown elsewhere too."""
    scrolls: bool = False
    """Keys scroll to the lines without room."""


class Page(NamedTuple):
    """Sections with their lines from the top down, and the names of those on other pages."""

    sections: list[tuple[Block, int]]
    elsewhere: list[str]


def pages(sections: Sequence[Block], importance: Sequence[str], height: int) -> list[Page]:
    """Sections in their order on as few pages of `height` lines as hold them all, the most important first.

    Each section on a page gets its fewest lines; the rest goes to the most important sections that can use them.
    """
    rank = {name: place for place, name in enumerate(importance)}
    left = sorted((each for each in sections if each.most), key=lambda each: rank[each.name])
    chosen: list[list[Block]] = []
    while left:
        room = height
        here: list[Block] = []
        for each in (each for each in left if not each.optional):
            if each.least <= room or not here:
                here.append(each)
                room -= each.least
        spare = height - sum(min(each.most, max(each.least, ENOUGH)) for each in here)
        for each in (each for each in left if each.optional):
            if each.least <= spare:
                here.append(each)
                spare -= each.least
        left = [each for each in left if each not in here and not each.optional]
        chosen.append(here)
    chosen += _whole([each for page in chosen for each, lines in _grown(page, height) if lines < each.most], height)
    every = [each for page in chosen for each in page]
    return [
        Page(
            [(one, lines) for each in sections for one, lines in _grown(page, height) if one.draw is each.draw],
            [each.name for each in every if each.name not in {one.name for one in page}],
        )
        for page in chosen
    ]


def _whole(cut: Sequence[Block], height: int) -> list[list[Block]]:
    """Pages for shortened sections, each in full."""
    found: list[list[Block]] = []
    room = 0
    for each in (each for each in cut if not each.scrolls and not each.optional):
        if each.most > room:
            found.append([])
            room = height
        found[-1].append(each._replace(least=min(each.most, height)))
        room -= min(each.most, height)
    return found


def _grown(page: Sequence[Block], height: int) -> list[tuple[Block, int]]:
    """Each section with its lines; `page` is in order of importance."""
    lines = [min(each.least, height) for each in page]
    room = height - sum(lines)
    for i, each in enumerate(page):
        more = max(0, min(room, each.most - lines[i]))
        lines[i] += more
        room -= more
    return list(zip(page, lines, strict=True))


def beside(columns: Sequence[Lines]) -> Lines:
    """Blocks side by side, aligned at the top."""
    columns = [column for column in columns if column]
    widths = [max(line.cell_len for line in column) for column in columns]
    rows = []
    for i in range(max(map(len, columns), default=0)):
        row = Text()
        for column, width in zip(columns, widths, strict=True):
            cell = column[i] if i < len(column) else Text()
            row.append_text(cell)
            row.append(" " * (width - cell.cell_len + GAP))
        row.rstrip()
        rows.append(row)
    return rows


def table(rows: Sequence[Sequence[Text | str]], left: Sequence[int] = (0,), header: bool = True) -> Lines:
    """Cells in columns, as wide as they need; those in `left` are aligned to the left. The first row is the header."""
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
    lines = []
    for n, row in enumerate(cells):
        line = Text(style="dim" if header and n == 0 else "")
        for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - cell.cell_len)
            line.append(("" if i == 0 else "  ") + ("" if i in left else space))
            line.append_text(cell)
            line.append(space if i in left else "")
        line.rstrip()
        lines.append(line)
    return lines


def shortened(lines: Lines, room: int, what: str) -> Lines:
    """The first lines that fit; if some are missing, the last says how many."""
    if len(lines) <= room:
        return lines
    return [*lines[: room - 1], Text(f"… {len(lines) - room + 1} more {what}", style="dim")] if room > 1 else lines[:room]


def fitted(lines: Lines, width: int) -> Lines:
    """Each line in `width` columns; a longer one ends in an ellipsis."""
    for line in lines:
        if line.cell_len > width:
            line.truncate(max(width, 1), overflow="ellipsis")
    return lines


def wrapped(words: Sequence[Text | str], width: int) -> Lines:
    """Unbroken words in lines of at most `width` columns."""
    lines: Lines = []
    for word in words:
        cell = word if isinstance(word, Text) else Text(word)
        if lines and lines[-1].cell_len + GAP + cell.cell_len <= width:
            lines[-1].append(" " * GAP)
            lines[-1].append_text(cell)
        else:
            lines.append(cell.copy())
    return lines
