"""Builds the compiled modules. `HFT_DEBUG=1` turns bounds checks, internal validators and line tracing on."""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DEBUG = os.environ.get("HFT_DEBUG", "") not in ("", "0")
ANNOTATE = bool(os.environ.get("HFT_ANNOTATE"))

DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    "embedsignature": True,
    "embedsignature.format": "python",
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "nonecheck": DEBUG,
    "cdivision": True,
    "overflowcheck": False,
    "linetrace": DEBUG,
    # Lines of the source as comments are half of the C.
    "emit_code_comments": DEBUG or ANNOTATE,
}

# What Cython puts into each module that has typed memoryviews, compiled once: a module of its own, made by Cython.
SHARED = "hft._core.base.cython_shared"

# What runs on the tick, and whatever else loops over messages in C, is compiled with -O3. The other modules only show a stage to
# Python: what is inlined from their `.pxd` is compiled where it is used. They take half the time so.
OPTIMISED = (
    "_core/engine/engine.pyx", "_core/engine/events.pyx", "_core/trade/*_strategy.pyx", "_core/wire/*.pyx",
    "hft/bench/*.pyx", "hft/data/*.pyx", "hft/exchange/*.pyx", "hft/net/*.pyx", "hft/venues/*/*.pyx",
)

# -ffp-contract=off: no fused multiply-add, so that features have the same bits whatever the machine.
# -g1: lines and functions, which is all that a trace of the stack needs; variables would cost a quarter of the compiler's time.
COMPILE_ARGS = ["-g1", "-UNDEBUG"] if DEBUG else ["-g0"]
COMPILE_ARGS += ["-std=gnu11", "-ffp-contract=off", "-fno-strict-aliasing", "-fvisibility=hidden", "-Wno-unused-function"]
DEBUG_MACROS = [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0"), ("HFT_DEBUG", "1")]


def sources() -> list[Path]:
    """The `.pyx` of every compiled module. Ends the build where one is missing: what came of it could not be imported.

    Every compiled module has a stub, so a stub without a Python module beside it names a compiled one.
    """
    package = Path("hft")
    expected = {stub.with_suffix(".pyx") for stub in package.rglob("*.pyi") if not stub.with_suffix(".py").exists()}
    missing = sorted(str(path) for path in expected if not path.exists())
    if missing or not expected:
        sys.exit(f"hft can't be built: {', '.join(missing) or 'hft/'} is missing here; use a git checkout or a complete sdist")
    return sorted(expected | set(package.rglob("*.pyx")))


def extension(name: str, source: Path | None = None) -> Extension:
    """A compiled module; what has no source is made by Cython."""
    fast = source and any(source.match(pattern) for pattern in OPTIMISED)
    return Extension(
        name,
        [str(source)] if source else [],
        extra_compile_args=["-O3" if fast and not DEBUG else "-O1", *COMPILE_ARGS],
        define_macros=DEBUG_MACROS if DEBUG else [],
    )


class BuildExtensions(build_ext):
    """Translates to C when extensions are built, in parallel, so that other commands (metadata, sdist) need not."""

    def run(self) -> None:
        translated = cythonize(
            self.extensions,
            compiler_directives=DIRECTIVES,
            nthreads=0 if sys.platform == "win32" else (os.cpu_count() or 1),
            shared_utility_qualified_name=SHARED,
            annotate=ANNOTATE,
            build_dir="build/cython-debug" if DEBUG else "build/cython",
        )
        sources_of = {each.name: each.sources for each in translated}
        for each in self.extensions:
            each.sources = sources_of[each.name]
        super().run()


setup(
    ext_modules=[*(extension(".".join(path.with_suffix("").parts), path) for path in sources()), extension(SHARED)],
    cmdclass={"build_ext": BuildExtensions},
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
