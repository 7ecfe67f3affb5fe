"""Fuzzes the constructors of all public classes under AddressSanitizer and UndefinedBehaviorSanitizer:
`python -m tests.fuzz.constructors --examples 2000`.

Compiles the core once more, with the sanitizers, into `build/fuzz/tree`, and runs `tests/fuzz/test_constructors.py` there. Ends
with pytest's code; with 2 if something needed is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.build import BUILD, OPTIONS, ROOT

TREE = BUILD / "tree"
CYTHON = ROOT / "build" / "cython"
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")     # asked before there are threads
# Stores and loads of structs that lie in bytes from elsewhere are memcpy's; what is left of misalignment would be a bug. Without
# pointer-overflow: Cython's own wrapper of a `__cinit__` adds nothing to a null pointer where no argument has a name.
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize=function,pointer-overflow",
            "-fno-sanitize-recover=undefined", "-shared-libasan"]


def runtime() -> str:
    """The library that a process loads before all else."""
    machine = os.uname().machine
    found = subprocess.run(
        ["clang", f"-print-file-name=libclang_rt.asan-{machine}.so"], check=True, capture_output=True, text=True
    ).stdout.strip()
    return found if os.path.isabs(found) else ""


def build() -> None:
    """The tree's Python files, and every compiled module with the sanitizers in it, from the C that the ordinary build made."""
    subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], check=True, cwd=ROOT)
    sources = {source: CYTHON / source.with_suffix(".c") for source in _modules()}
    for path in _files():
        if path.suffix != ".so":
            (TREE / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, TREE / path)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for done in [pool.submit(_compile, source, c) for source, c in sources.items()]:
            done.result()


def _modules() -> list[Path]:
    """The sources, and the module that Cython makes."""
    return [*(path.relative_to(ROOT) for path in sorted((ROOT / "hft").rglob("*.pyx"))), Path("hft/_core/base/cython_shared.c")]


def _files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True, capture_output=True, cwd=ROOT
    ).stdout
    return [path for path in map(Path, listed.decode().split("\0")) if path.name and (ROOT / path).is_file()]


def _compile(source: Path, c: Path) -> None:
    made = TREE / source.with_suffix(SUFFIX)
    made.parent.mkdir(parents=True, exist_ok=True)
    if made.exists() and made.stat().st_mtime > c.stat().st_mtime:
        return
    subprocess.run(
        ["clang", "-shared", "-fPIC", "-fvisibility=hidden", *OPTIONS, *SANITIZE, "-I", sysconfig.get_path("include"), str(c),
         "-o", str(made)],
        check=True, cwd=ROOT,
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.constructors", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--examples", type=int, default=2000, help="of each class (%(default)s)")
    requests = parser.parse_args()
    if shutil.which("clang") is None or not runtime():
        print("can't fuzz: missing clang, with its sanitizers (apt-get install clang libclang-rt-dev)", file=sys.stderr)
        return 2
    build()
    environment = {
        **os.environ,
        "LD_PRELOAD": runtime(),
        # Python's own leaks are not ours; what would take more than this is refused, as on a small machine.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=2048",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONPATH": str(TREE),
        "HFT_FUZZ_EXAMPLES": str(requests.examples),
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "tests/fuzz/test_constructors.py"],
        env=environment, cwd=TREE, check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
