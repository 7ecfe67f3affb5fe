"""Compiled helpers of tests, built when first needed: a `.pyx` of the tests that drives the core's own verbs."""

import fcntl
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]

_BUILD = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup
name, source, root = sys.argv.pop(), sys.argv.pop(), sys.argv.pop()
setup(ext_modules=cythonize(
    [Extension(name, [source], extra_compile_args=["-std=gnu11", "-O0", "-ffp-contract=off", "-fno-strict-aliasing",
                                                   "-Wno-unused-function"])],
    include_path=[root], build_dir="c", quiet=True, compiler_directives={"language_level": 3, "cdivision": True}))
"""


def load(source: Path, factory: pytest.TempPathFactory) -> ModuleType:
    """The module that `source`, a `.pyx`, is compiled to; once in a run of the tests, however many processes it has."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / source.stem
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = next(folder.glob(f"{source.stem}.*.so"), None) or _built(source, folder)
    spec = importlib.util.spec_from_file_location(source.stem, built)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _built(source: Path, folder: Path) -> Path:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    command = [sys.executable, "-c", _BUILD, "-q", "build_ext", "--inplace", str(ROOT), str(source), source.stem]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    built, = folder.glob(f"{source.stem}.*.so")
    return built
