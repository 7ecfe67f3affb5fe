"""Imports go one way (docs/architecture.md, "Layout"): a reader who knows the list knows where every line of code lives.

Python modules are read by their syntax tree, Cython ones by their `cimport` and `import` lines; nothing is imported.
"""

import ast
import re
import subprocess
import sysconfig
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

HFT = Path(__file__).parent.parent / "hft"

# Each may import what stands above it; what shares a row does not import each other.
LAYERS = [
    {"_core"},
    {"errors", "inode", "version", "system.pauses", "system.sockets"},
    {"venues"},
    {"alerts", "config", "logfile"},
    {"log"},
    {"system"},
    {"persistence"},
    {"run"},
    {"monitoring"},
    {"data"},
    {"net"},
    {"exchange"},
    {"trading", "backtesting"},
    {"bench"},
    {"cli"},
    {"__main__"},
]

# Inside `_core`: the rooms, in order. A module may cimport from the rooms above its own, and inside its own from its row and from
# the rows above. `trade` and `execution` do not import each other. In `trade`, `position` and `orders` stand before `risk`, which
# counts what they hold.
ROOMS = {
    "base": """
        checks types status memory text atomic buffer crc32c elementary symbols intent order_report runclock
        arena cycles hash heap ring histogram
    """,
    "wire": """
        decode decoder_state number_format pending scales shapes stream_name
        sink
    """,
    "market": """
        clock
        sync sync_times
        book far ladder ladder_check whole
        snapshot
        features flow series
        market market_state refresh
    """,
    "record": """
        journal names
        page pagefile
        output
        runlog
    """,
    "execution": """
        latency queue
        taking capacity
        broker broker_state resting matching rescale
        delivery fill_record
        execution
    """,
    "trade": """
        signal
        imbalance
        position
        order_lifecycle orders
        order_records risk units
        commands intents
        strategy
        imbalance_strategy quoter_strategy trader
    """,
    "engine": """
        account events
        digest params tick
        assembly page_view rules
        diagnosis replay view
        engine
    """,
}
APART = {"trade", "execution"}
ROWS = {room: [row.split() for row in text.strip().splitlines()] for room, text in ROOMS.items()}

SOURCES = sorted(path for path in HFT.rglob("*") if path.suffix in {".py", ".pyi", ".pyx", ".pxd", ".pxi"})
CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+\(?([^#\n]*)|c?import\s+([\w., ]+))", re.MULTILINE)


def module_of(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(HFT.parent).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def statements(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Every import of a file: the dotted name, relative ones made absolute, and the names taken from it."""
    text = path.read_text("utf-8")
    package = path.relative_to(HFT.parent).parent.parts
    if path.suffix in {".py", ".pyi"}:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                yield from ((alias.name, []) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else ()
                yield ".".join([*base, *([node.module] if node.module else [])]), [alias.name for alias in node.names]
    else:
        for found in CYTHON_IMPORT.finditer(re.sub(r'""".*?"""', "", text, flags=re.DOTALL)):
            source, names, plain = found.groups()
            if plain:
                yield from ((name.split()[0], []) for name in plain.split(",") if name.strip())
            else:
                level = len(source) - len(source.lstrip("."))
                base = package[: len(package) - level + 1] if level else ()
                dotted = ".".join([*base, *filter(None, [source.lstrip(".")])])
                yield dotted, [name.split()[0] for name in names.replace(")", "").split(",") if name.strip()]


def exists(parts: tuple[str, ...]) -> bool:
    path = HFT.parent.joinpath(*parts)
    return path.is_dir() or any(path.with_suffix(suffix).exists() for suffix in (".py", ".pyx", ".pxd"))


def imported(path: Path) -> set[tuple[str, ...]]:
    """The modules of hft that a file imports."""
    found = set()
    for source, names in statements(path):
        parts = tuple(source.split("."))
        if parts[0] != "hft":
            continue
        below = {(*parts, name) for name in names if exists((*parts, name))}
        found |= below or {parts}
    return found


def component_of(module: tuple[str, ...]) -> str:
    """What of `LAYERS` it belongs to: its package, or itself where it is named there."""
    alone = ".".join(module[1:3])
    return alone if layer(alone) >= 0 else module[1]


def layer(component: str) -> int:
    return next((rank for rank, names in enumerate(LAYERS) if component in names), -1)


def place(room: str, stage: str) -> tuple[int, int]:
    """Of a module in the order of rooms and rows."""
    row = next((number for number, names in enumerate(ROWS.get(room, [])) if stage in names), -1)
    return list(ROOMS).index(room) if row >= 0 else -1, row


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HFT.parent)))
def test_imports_go_one_way(path):
    module = module_of(path)
    if len(module) == 1:
        pytest.skip("hft itself is the door to the public names")
    component = component_of(module)
    assert layer(component) >= 0, f"hft/{component} has no layer: give it one in LAYERS and in docs/architecture.md"
    for target in imported(path):
        if len(target) > 1 and component_of(target) != component:
            assert layer(component_of(target)) < layer(component), f"{'.'.join(module)} must not import {'.'.join(target)}"
        elif len(target) == 1:
            assert component == "__main__" or layer(component) > layer("_core"), "the core does not know the public door"


CORE = [path for path in SOURCES if path.is_relative_to(HFT / "_core") and path.stem != "__init__"]


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(HFT / "_core")))
def test_a_stage_imports_only_what_stands_above_it(path):
    room, own = path.parent.name, place(path.parent.name, path.stem)
    assert own >= (0, 0), f"_core/{room}/{path.stem} has no place: give it one in ROOMS"
    for target in imported(path):
        assert target[:2] == ("hft", "_core")
        assert len(target) == 4, f"{path.stem} imports from a room, not from a module of it"
        assert (0, 0) <= place(*target[2:]) <= own, f"{path.stem} must not import {'.'.join(target[2:])}"
        assert target[2] == room or not {room, target[2]} <= APART, f"{room} and {target[2]} must not know each other"


@pytest.mark.parametrize("path", [path for path in CORE if path.suffix == ".pxd"], ids=lambda path: path.name)
def test_the_core_needs_no_numpy_header(path):
    """Views go through the buffer protocol, so that neither the build nor the engine's process needs NumPy."""
    assert not any(source.split(".")[0] == "numpy" for source, _ in statements(path))


INEXACT = {
    name + suffix
    for name in (
        "exp exp2 exp10 expm1 log log2 log10 log1p pow sin cos sincos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh "
        "cbrt hypot erf erfc tgamma lgamma"
    ).split()
    for suffix in ("", "f", "l")
}


def test_no_compiled_module_takes_from_libm_what_machines_differ_in():
    """Bit identity (rule 35): what IEEE 754 does not fix is `_core/elementary`'s; sqrt, floor, rint and their like are fixed."""
    modules = sorted(HFT.rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"))
    assert len(modules) == len(list(HFT.rglob("*.pyx"))) + 1        # cython_shared, which Cython makes
    for module in modules:
        needs = subprocess.run(["nm", "-D", "-u", module], check=True, capture_output=True, text=True).stdout
        found = {line.split()[-1].partition("@")[0].lstrip("_") for line in needs.splitlines() if line.strip()}
        assert not found & INEXACT, module.name


VENUE = re.compile("binance|bybit|usdm|coinm|okx", re.IGNORECASE)


def code_of(path: Path) -> Iterator[str]:
    """Names, imports and texts of a source file, without comments and docstrings."""
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        yield from re.sub(r'"""(.|\n)*?"""|#.*', "", text).splitlines()
        return
    nodes = list(ast.walk(ast.parse(text)))
    message = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        match node:
            case ast.Constant(value=str() | bytes() as value) if id(node) not in message:
                yield str(value)
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) | ast.ImportFrom(module=str() as name):
                yield name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HFT.parent)))
def test_only_venues_and_their_wire_name_a_venue(path):
    """Whoever adds a venue adds files: what differs between venues is asked of a `VenueProtocol`."""
    if path.is_relative_to(HFT / "venues") or path.is_relative_to(HFT / "_core" / "wire"):
        return
    found = {line.strip() for line in code_of(path) if VENUE.search(line)}
    if path.is_relative_to(HFT / "exchange"):       # it serves a protocol of that package's, and takes its name from there
        found -= {"hft.venues.binance.venues", "BinanceProtocol", "USDM"}
    found = {line for line in found if '"dialect"' not in line}        # a migration knows the names of old rows
    assert not found


# Where None is an answer: no signal stands.
NONE_IS_MEANT = {("decide", "Signal signal")}


def test_compiled_functions_refuse_none_where_an_object_is_needed():
    """Cython lets None through in place of any object, and what is read of it then is nobody's memory."""
    sources = {path: path.read_text("utf-8") for path in SOURCES if path.suffix in {".pyx", ".pxi"}}
    classes = {"bytes", "str", "list", "dict"}.union(*(re.findall(r"(?m)^cdef class (\w+)", text) for text in sources.values()))
    lets_through = [
        (str(path.relative_to(HFT)), function, argument)
        for path, text in sources.items()
        for function, arguments in re.findall(r"(?m)^ *def (\w+)\(([^)]*)\)", text)
        for argument in map(str.strip, arguments.split(","))
        if argument.split(" ")[0] in classes and len(argument.split(" ")) > 1
        if "not None" not in argument and not argument.endswith("=None") and (function, argument) not in NONE_IS_MEANT
    ]
    assert lets_through == []


def test_every_compiled_module_has_a_stub():
    without = [str(path.relative_to(HFT)) for path in HFT.rglob("*.pyx") if not path.with_suffix(".pyi").exists()]
    assert without == []


def test_a_class_has_its_name_alone():
    """A reader who meets a name knows which class it is. (Names with an underscore stay in their module.)"""
    places = defaultdict(list)
    for path in SOURCES:
        if path.suffix in {".py", ".pyx", ".pxi"}:
            for name in re.findall(r"(?m)^(?:cdef )?class ([A-Z]\w*)", path.read_text("utf-8")):
                places[name].append(str(path.relative_to(HFT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_imports_go_in_a_circle():
    """By file: a `.pyx` may cimport what cimports its own `.pxd`."""
    graph = {}
    for path in SOURCES:
        if path.suffix != ".pyi":
            beside = {path.with_suffix(".pxd")} if path.suffix == ".pyx" else set()
            targets = {HFT.parent.joinpath(*target) for target in imported(path)}
            suffixes = (".py", ".pyx") if path.suffix == ".py" else (".pxd", ".py", ".pyx")
            found = (next((file for s in suffixes if (file := target.with_suffix(s)).exists()), None) for target in targets)
            graph[path] = ({each for each in found if each is not None} | beside) - {path}
    list(TopologicalSorter(graph).static_order())       # CycleError names the files


def test_the_door_and_its_stub_lead_to_the_same():
    door, stub = (ast.parse((HFT / f"__init__{suffix}").read_text("utf-8")).body for suffix in (".py", ".pyi"))
    home = next(ast.literal_eval(node.value) for node in door if isinstance(node, ast.Assign) and node.targets[0].id == "_HOME")
    reported = next(ast.literal_eval(node.value) for node in stub if isinstance(node, ast.Assign))
    assert home == {alias.name: node.module for node in stub if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert sorted(home) == reported


def test_the_page_shows_the_layers():
    page = (HFT.parent / "docs" / "architecture.md").read_text("utf-8")
    shown = page.partition("Imports go one way")[2].split("```")[1].splitlines()[1:]
    assert [set(row.split()) for row in shown] == [row for row in LAYERS if row != {"__main__"}]


def test_no_file_outgrows_one_subject():
    long = {str(path.relative_to(HFT)): n for path in SOURCES if (n := path.read_text("utf-8").count("\n")) > 400}
    assert long == {}


def test_the_lists_name_nothing_twice():
    names = [name for names in LAYERS for name in names]
    assert len(names) == len(set(names))
    stages = [stage for text in ROOMS.values() for stage in text.split()]
    assert len(stages) == len(set(stages))


def test_the_lists_name_only_what_is_there():
    there = {component_of(module_of(path)) for path in SOURCES if len(module_of(path)) > 1}
    assert {name for names in LAYERS for name in names} == there
    assert {path.parent.name: set() for path in CORE}.keys() == ROOMS.keys()
    for room, text in ROOMS.items():
        assert set(text.split()) == {path.stem for path in CORE if path.parent.name == room}


@pytest.mark.parametrize(
    ("text", "suffix", "expected"),
    [
        ("from hft._core.base.types cimport Level, Message\n", ".pxd", {("hft", "_core", "base", "types")}),
        ("from hft._core.base cimport status\n", ".pyx", {("hft", "_core", "base", "status")}),
        ("    cimport hft._core.base.types\n", ".pyx", {("hft", "_core", "base", "types")}),
        ("from .types cimport (\n    Level)\n", ".pxd", {("hft", "_core", "base", "types")}),
        ("from hft._core.base import (\n    status,\n    types,\n)\n", ".py",
         {("hft", "_core", "base", "status"), ("hft", "_core", "base", "types")}),
        ("from ...errors import HftError\n", ".py", {("hft", "errors")}),
        ("def f():\n    import hft.errors\n", ".py", {("hft", "errors")}),
        ("from libc.stdint cimport int64_t\n# from hft.errors import x\n", ".pxd", set()),
    ],
)
def test_the_reader_of_imports_sees_every_form(tmp_path, monkeypatch, text, suffix, expected):
    """The rules above are worth what this sees."""
    path = HFT / "_core" / "base" / f"probe{suffix}"
    real = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, *args: text if self == path else real(self, *args))
    assert imported(path) == expected
