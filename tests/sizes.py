"""How often a property is tried: whole where `CI` is set, a quarter of it where the same tests run many times a day."""

import os

WHOLE = bool(os.environ.get("CI"))


def examples(whole: int) -> int:
    """How many examples hypothesis tries here of what it tries in CI."""
    return whole if WHOLE else max(25, whole // 4)
