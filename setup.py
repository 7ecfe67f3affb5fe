"""Builds the compiled modules. `HFT_DEBUG=1` turns bounds checks, internal validators and line tracing on."""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("HFT_DEBUG", "") not in ("", "0")

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
}

# -ffp-contract=off: no fused multiply-add, so that features have the same bits whatever the machine.
COMPILE_ARGS = ["-O1", "-g", "-UNDEBUG"] if DEBUG else ["-O3", "-g0"]
COMPILE_ARGS += ["-std=gnu11", "-ffp-contract=off", "-fno-strict-aliasing", "-fvisibility=hidden", "-Wno-unused-function"]
DEBUG_MACROS = [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0"), ("HFT_DEBUG", "1")]


def extension(path: Path) -> Extension:
    return Extension(
        ".".join(path.with_suffix("").parts),
        [str(path)],
        extra_compile_args=COMPILE_ARGS,
        define_macros=DEBUG_MACROS if DEBUG else [],
    )


setup(
    ext_modules=cythonize(
        [extension(path) for path in sorted(Path("hft").rglob("*.pyx"))],
        compiler_directives=DIRECTIVES,
        nthreads=0 if sys.platform == "win32" else (os.cpu_count() or 1),
        annotate=bool(os.environ.get("HFT_ANNOTATE")),
        build_dir="build/cython-debug" if DEBUG else "build/cython",
    ),
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
