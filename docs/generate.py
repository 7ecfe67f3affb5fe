"""Writes the pages that are made from code: settings, commands, status codes, reference.

``python docs/generate.py`` writes them, ``--check`` fails if one of them is out of date (tests/test_docs.py).
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hft
from hft import cli
from hft.config import Config
from hft.config.sections import MONITOR_PORT
from hft.config.shape import Shape, shapes, walk
from hft.config.strategies import PythonParams, QuoterParams
from hft.config.toml import literal
from hft.errors import ExitCode
from hft.exchange.fault_plan import FAULTS, Fault, MessageFault, RequestFault, SymbolFault

DOCS = Path(__file__).parent
NOTE = "<!-- Made by docs/generate.py from the code; change that instead. -->\n\n"

BANDS = [
    ("Decoding: why a message was not applied", 1, 15),
    ("Sync and book: why an update was not applied", 16, 31),
    ("Risk: why an order was not sent", 32, 63),
    ("Exchange: why it refused or ended an order", 64, 95),
    ("Faults: trading halts", -95, -1),
]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def settings() -> str:
    parts = [
        "# Settings\n\n"
        "One TOML file. Each source overrides the one before: the defaults, the file, `--set key=value`, the command options.\n"
        "Everything has a default; an unknown key is an error that names the nearest known one. Quantities, prices and fees\n"
        "are decimals, read exactly. Relative paths are relative to the working directory.\n\n"
        "```sh\nhft config init hft.toml\nhft config check hft.toml\nhft config show --config hft.toml\n```"
    ]
    for path, section in walk(Config):
        keys = {key: shape for key, shape in shapes(section).items() if shape.section is None}
        parts.append(f"## `[{'.'.join(path)}]`\n\n{paragraph(section)}")
        parts.append(table(["key", "default", "may be", "meaning"], [setting(shape) for shape in keys.values() if shape.text]))
        for key, shape in keys.items():
            if shape.named_section is not None:
                parts.append(f"### `[{'.'.join([*path, key])}.NAME]`\n\n{paragraph(shape.named_section)}")
                rows = [setting(inner) for inner in shapes(shape.named_section).values()]
                parts.append(table(["key", "default", "may be", "meaning"], rows))
        for key, (chooser, _) in section.variants.items():
            for value, other in OTHER_STRATEGIES.items():
                parts.append(f"## `[{'.'.join([*path, key])}]` with `{chooser} = \"{value}\"`\n\n{paragraph(other)}")
                rows = [setting(each) for each in shapes(other).values() if each.text]
                parts.append(table(["key", "default", "may be", "meaning"], rows))
    return "\n\n".join(parts)


OTHER_STRATEGIES = {"quoter": QuoterParams, "FILE.py:CLASS": PythonParams}


def setting(shape: Shape) -> list[str]:
    if shape.required:
        default = "required"
    elif shape.default is None:
        default = "the venue's" if shape.key.endswith("_fee") else f"`{MONITOR_PORT}`"
    else:
        default = "none" if shape.default == {} else f"`{literal(shape.default)}`"
    return [f"`{shape.key}`", default, shape.allowed, shape.text]


def paragraph(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0]


def commands() -> str:
    parts = [
        "# Commands\n\nEvery command takes `--help`. An error is one line on stderr: where, what, and what to do.",
        "## Exit codes",
        table(["code", "meaning"], [[str(code.value), EXIT_TEXTS[code]] for code in ExitCode]),
    ]
    for words, command in found(cli.commands()):
        text, _, examples = inspect.cleandoc(command.help or "").partition("\b\n")
        parts.append(f"## `hft {' '.join(words)}`\n\n{text.strip()}")
        if examples:
            parts.append(f"```sh\n{examples.strip()}\n```")
        rows = [option(param) for param in command.params if getattr(param, "help", None) and param.name != "help"]
        if rows:
            parts.append(table(["option", "meaning"], rows))
    return "\n\n".join(parts)


EXIT_TEXTS = {
    ExitCode.OK: "success",
    ExitCode.USAGE: "a usage or configuration error; nothing was started",
    ExitCode.UNREACHABLE: "the venue can't be reached, or a running engine does not answer",
    ExitCode.DAMAGED: "a database, journal or capture is damaged",
    ExitCode.STRATEGY: "your strategy raised an exception (not yet: this version only runs its own)",
    ExitCode.HALTED: "trading halted by itself",
    ExitCode.INTERNAL: "a bug in hft; the line names the file with the traceback",
    ExitCode.SIGINT: "stopped by Ctrl-C; everything was written, the summary printed",
    ExitCode.SIGTERM: "stopped by SIGTERM; everything was written, the summary printed",
}


def found(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[list[str], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from found(command, (*path, name))
        else:
            yield [*path, name], command


def option(param: Any) -> list[str]:
    names = ", ".join(param.opts) + (f" {param.metavar}" if param.metavar else "")
    return [f"`{names}`", param.help]


def status() -> str:
    from hft._core.base import status as codes

    parts = [
        "# Status codes\n\n"
        "Every message that is not applied and every order that is not sent, refused or ended early has one. The name is the\n"
        "same in counters, metrics, the database and `rejects` of a summary. 0 is success, above 0 a reject with a reason,\n"
        "below 0 a fault."
    ]
    for title, low, high in BANDS:
        rows = [[str(code), f"`{name}`", codes.text(code)] for code, name in sorted(codes.NAMES.items()) if low <= code <= high]
        parts += [f"## {title}", table(["code", "name", "meaning"], rows)]
    return "\n\n".join(parts)


def reference() -> str:
    """A page of autodoc directives: one section per module with public documentation."""
    parts = ["# Reference\n\nEvery class can be imported and used from plain Python; the examples are run by the tests."]
    for name in sorted(module.name for module in pkgutil.walk_packages(hft.__path__, "hft.")):
        if name.startswith("hft.cli") or name.endswith("__main__") or not speaks(name):
            continue
        parts.append(f"## `{name}`\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```")
    return "\n\n".join(parts)


def speaks(name: str) -> bool:
    """Whether a module documents any object of its own."""
    module = importlib.import_module(name)
    own = [value for key, value in vars(module).items() if not key.startswith("_") and getattr(value, "__module__", None) == name]
    return any(value.__doc__ for value in own)


def faults() -> str:
    """The keys of a fault file: those of all kinds, then each kind with its own."""
    parts = []
    for group, text in (
        (Fault, "Every fault has its `kind` and exactly one of `at_s`, `every_s` and `probability`; it may have"),
        (SymbolFault, "Faults other than `refuse` and `clock_step` may also have"),
        (MessageFault, "Faults that meet messages may also have"),
        (RequestFault, "Faults that meet REST requests may also have"),
    ):
        above = shapes(SymbolFault) if group in (MessageFault, RequestFault) else shapes(Fault) if group is SymbolFault else {}
        keys = [shape for key, shape in shapes(group).items() if key not in above]
        parts += [f"{text}:", table(["key", "default", "may be", "meaning"], [optional(shape) for shape in keys])]
    rows = []
    for kind, section in FAULTS.items():
        group = shapes(next(base for base in (MessageFault, RequestFault, SymbolFault, Fault) if issubclass(section, base)))
        own = [shape for key, shape in shapes(section).items() if key not in group or shape.default != group[key].default]
        parameters = "; ".join(f"`{shape.key}` = `{literal(shape.default)}`: {shape.text}" for shape in own)
        rows.append([f"`{kind}`", paragraph(section), parameters])
    return "\n\n".join([*parts, table(["kind", "what happens", "keys of its own, or with another default"], rows)])


def optional(shape: Shape) -> list[str]:
    default = "none" if shape.default is None else "all" if shape.default == () else f"`{literal(shape.default)}`"
    return [f"`{shape.key}`", default, shape.allowed, shape.text]


ROOMS = ("base", "wire", "market", "record", "execution", "trade", "engine")
PORTS = {
    "StrategyOps": ("trade/strategy.pxd", "the functions of a strategy"),
    "Command": ("base/types.pxd", "from trader to execution"),
    "Report": ("base/types.pxd", "from execution to trader"),
}


def house() -> str:
    """The rooms of the core with their cimports, and the records of the ports, read from the sources."""
    core = Path(hft.__file__).parent / "_core"
    taken: dict[tuple[str, str], set[str]] = {}
    for path in sorted(core.glob("*/*.p[xy][dix]")):
        for room in set(re.findall(r"^from hft\._core\.(\w+)\.\w+ cimport", path.read_text("utf-8"), re.MULTILINE)):
            taken.setdefault((path.parent.name, room), set()).add(path.stem)
    width = max(map(len, ROOMS)) + 2
    lines = [" " * width + "".join(f"{room:>{width}}" for room in ROOMS)]
    for room in ROOMS:
        cells = [str(len(taken[room, other])) if (room, other) in taken else "·" for other in ROOMS]
        lines.append(f"{room:<{width}}" + "".join(f"{cell:>{width}}" for cell in cells))
    parts = [
        "Number of modules of the room on the left that cimport from the room above:",
        "```text\n" + "\n".join(lines) + "\n```",
    ]
    for name, (file, what) in PORTS.items():
        struct = (core / file).read_text("utf-8").partition(f"cdef struct {name}:")[2].partition("\n\n")[0]
        fields = re.findall(r"^    [\w.]+ (\w+) *(?:# (.*))?$", struct, re.MULTILINE)
        parts.append(f"`{name}` (`_core/{file}`), {what}:")
        parts.append(table(["field", "meaning"], [[f"`{field}`", meaning] for field, meaning in fields]))
    return "\n\n".join(parts)


PAGES = {"settings.md": settings, "commands.md": commands, "status.md": status, "reference.md": reference}
PARTS = {"faults.md": faults, "architecture.md": house}
"""Pages with a generated part, between these two lines."""
FROM, TO = "<!-- Made by docs/generate.py from here … -->\n", "<!-- … to here. -->\n"


def main() -> int:
    stale = []
    texts = {name: NOTE + make() + "\n" for name, make in PAGES.items()}
    for name, make in PARTS.items():
        head, _, rest = (DOCS / name).read_text("utf-8").partition(FROM)
        texts[name] = f"{head}{FROM}\n{make()}\n\n{TO}{rest.partition(TO)[2]}"
    for name, text in texts.items():
        path = DOCS / name
        if "--check" not in sys.argv:
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
    if stale:
        print(f"out of date: {', '.join(stale)}; run python docs/generate.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
