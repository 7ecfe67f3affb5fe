"""How the core's structs lie in memory, read from its `.pxd` files: every field with its place, its size and its name."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

CORE = Path(__file__).parents[2] / "hft" / "_core"
SCALARS = {
    "char": 1, "int8_t": 1, "uint8_t": 1, "uint16_t": 2, "int32_t": 4, "uint32_t": 4, "int64_t": 8, "uint64_t": 8, "double": 8,
    "i128": 16,
}


class Field(NamedTuple):
    name: str
    """With the names of the structs around it: ``times.closed``."""
    offset: int
    size: int
    """Of one element."""
    count: int


@cache
def sources() -> str:
    return "\n".join(path.read_text() for path in sorted(CORE.rglob("*.pxd")))


@cache
def constants() -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"(?m)^    ([A-Z][A-Z0-9_]+) = (\d+)\b", sources())}


@cache
def layout(struct: str) -> tuple[tuple[Field, ...], int, int]:
    """Fields, size and alignment of a struct, by C's rules."""
    body = re.search(rf"(?m)^cdef struct {struct}:.*\n((?:    .*\n|\n(?=    ))*)", sources())
    assert body is not None, struct
    fields, at, widest = [], 0, 1
    for line in body[1].splitlines():
        found = re.match(r"    (?:const )?(\w+) (\w+)(?:\[([^\]]+)\])?\s*(?:#.*)?$", line)
        if found is None:
            assert not line.split("#")[0].strip(), (struct, line)
            continue
        kind, name, count = found[1], found[2], int(eval(re.sub("<int>", "", found[3] or "1"), constants()))
        inner, size, align = ((), SCALARS[kind], SCALARS[kind]) if kind in SCALARS else layout(kind)
        at = -(-at // align) * align
        if not inner:
            fields.append(Field(name, at, size, count))
        for n in range(count if inner else 0):
            index = f"[{n}]" if count > 1 else ""
            fields += [each._replace(name=f"{name}{index}.{each.name}", offset=at + n * size + each.offset) for each in inner]
        at += size * count
        widest = max(widest, align)
    return tuple(fields), -(-at // widest) * widest, widest
