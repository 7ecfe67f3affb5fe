"""Fuzzes one target in this process: `python -m tests.fuzz.one TARGET COUNTER [libFuzzer's options]`.

`tests.fuzz.run` starts it, with what it needs loaded. COUNTER is a file of eight bytes, for the count of inputs that were
taken: a process that libFuzzer ends runs no handler of Python's.
"""

import ctypes
import mmap
import sys
import tempfile
from pathlib import Path

import atheris

from tests.fuzz import build

with atheris.instrument_imports(include=["hft"]):
    from tests.fuzz.targets import targets


def main(name: str, counter: str, *options: str) -> None:
    memory = Path("/dev/shm")       # a file there costs a tenth
    folder = tempfile.TemporaryDirectory(prefix="hft-fuzz-", dir=memory if memory.is_dir() else None)
    bounded = build.load(name == "portable")
    target = targets(Path(folder.name), bounded.BoundedDecoder, bounded.walk)[name]
    keep = ctypes.CDLL(str(build.MUTATE)).keep      # atheris' own mutators do not work with a libFuzzer that is preloaded
    keep.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    with Path(counter).open("r+b") as file:
        taken = memoryview(mmap.mmap(file.fileno(), 8)).cast("q")

    def one(data: bytes) -> None:
        if target.check(data):
            taken[0] += 1
            keep(data, len(data))

    atheris.Setup([name, *options], one)
    atheris.Fuzz()


main(*sys.argv[1:])
