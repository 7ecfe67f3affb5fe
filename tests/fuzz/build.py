"""Builds what fuzzing needs into `build/fuzz`: the scanner with sanitizers and coverage, from the same `.pxd` files as the
engine's, and the mutations of JSON."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "fuzz"
BUILD = ROOT / "build" / "fuzz"
MUTATE = BUILD / "mutate.so"

# The directives and options of setup.py, so that it is the engine's own C that is fuzzed.
DIRECTIVES = "language_level=3,boundscheck=False,wraparound=False,initializedcheck=False,cdivision=True"
OPTIONS = ["-std=gnu11", "-O1", "-g", "-ffp-contract=off", "-fno-strict-aliasing", "-Wno-unused-function"]
# Without `function`: CPython's own tables of functions are cast.
SANITIZE = ["-fsanitize=fuzzer-no-link,address,undefined", "-fno-sanitize=function", "-fno-sanitize-recover=undefined"]
VERBS = "src:*\nfun:*hft_5_core_*\nfun:hft_*\n"     # coverage guides by these alone, not by what Cython puts around them


def missing() -> list[str]:
    """What is needed for a run and is not there, each with how to get it; empty where all is."""
    out = []
    if shutil.which("clang") is None:
        out.append("clang, with its sanitizers (apt-get install clang libclang-rt-dev)")
    out += [f"{name} (pip install -e '.[fuzz]')" for name in ("atheris", "Cython") if importlib.util.find_spec(name) is None]
    return out


def libraries() -> str:
    """What a process that fuzzes loads before all else: our mutations, and the library that holds libFuzzer and sanitizers."""
    import atheris

    return f"{MUTATE} {Path(atheris.path()) / 'asan_with_fuzzer.so'}"


def scanner(portable: bool) -> Path:
    """Where the built module lies."""
    return BUILD / ("portable" if portable else "native") / f"bounded{sysconfig.get_config_var('EXT_SUFFIX')}"


def build() -> None:
    """Everything, anew. The scanner twice: once without the vector instructions of this machine, as others have it."""
    verbs = BUILD / "verbs"
    c = BUILD / "bounded.c"
    BUILD.mkdir(parents=True, exist_ok=True)
    verbs.write_text(VERBS)
    shared = ["clang", "-shared", "-fPIC", *OPTIONS]
    commands = [
        [*shared, "-fvisibility=hidden", str(HERE / "mutate.c"), "-o", str(MUTATE)],
        ["cython", "-X", DIRECTIVES, "-I", str(ROOT), "--module-name", "bounded", str(HERE / "bounded.pyx"), "-o", str(c)],
    ]
    for portable in (False, True):
        scanner(portable).parent.mkdir(exist_ok=True)
        commands.append([*shared, *SANITIZE, f"-fsanitize-coverage-allowlist={verbs}", *(["-DHFT_PORTABLE"] if portable else []),
                         "-I", sysconfig.get_path("include"), str(c), "-o", str(scanner(portable))])  # fmt: skip
    for command in commands:
        subprocess.run(command, check=True, cwd=ROOT)


def load(portable: bool) -> ModuleType:
    """The built module; only in a process that has `libraries` loaded."""
    spec = importlib.util.spec_from_file_location("bounded", scanner(portable))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
