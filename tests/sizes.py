"""How much a long test does: all of it where `CI` is set, a part of it where the same tests run many times a day."""

import os

WHOLE = bool(os.environ.get("CI"))


def examples(whole: int) -> int:
    """How many examples hypothesis tries here of what it tries in CI."""
    return whole if WHOLE else max(25, whole // 4)


def size(whole: int, part: int) -> int:
    """How many steps a test takes here of those that it takes in CI."""
    return whole if WHOLE else part
