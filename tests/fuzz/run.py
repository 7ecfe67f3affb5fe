"""Fuzzes every decoder and reader, guided by coverage: `python -m tests.fuzz.run --inputs 10_000_000`.

Prints a line for each target: inputs, how many of them were taken, edges of the code that were covered, inputs a second,
and where the input lies that something went wrong with. Ends with 1 if there is one, with 2 if something needed is missing.
What was found stays in `build/fuzz/corpus`, and the next run begins with it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.fuzz import build
from tests.fuzz.seeds import WORDS
from tests.fuzz.targets import Target, targets

LONGEST_S = 10          # of one input: more is a hang
PROCESS = 2_000_000     # inputs
LOG = build.BUILD / "log"


class Outcome(NamedTuple):
    """What came of one target."""

    inputs: int
    taken: int
    edges: int
    """That were covered: of the compiled scanner's code, and of Python's."""
    seconds: float
    failed: str
    """The file of the input that something went wrong with, or what else ended it; empty when all was well."""


def fill(folder: Path, contents: Iterable[bytes]) -> None:
    """A folder with a file for each of the contents, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for content in contents:
        (folder / hashlib.sha1(content).hexdigest()).write_bytes(content)


def dictionary() -> Path:
    """libFuzzer's file of words."""
    path = build.BUILD / "words"
    path.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in WORDS))
    return path


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "LD_PRELOAD": build.libraries(),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",     # Python's own leaks are not ours
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONPATH": str(build.ROOT),
    }


def fuzz(name: str, target: Target, inputs: int, seconds: int, seed: int) -> Outcome:
    """One target, for so many inputs or, if given, seconds; in one process after the other, since each one grows."""
    (build.BUILD / "corpus" / name).mkdir(parents=True, exist_ok=True)
    LOG.mkdir(exist_ok=True)
    fill(build.BUILD / "seeds" / name, target.seeds())
    if seconds:
        return process(name, target, [f"-max_total_time={seconds}", f"-seed={seed}"])
    done = Outcome(0, 0, 0, 0.0, "")
    while done.inputs < inputs and not done.failed:
        one = process(name, target, [f"-runs={min(inputs - done.inputs, PROCESS)}", f"-seed={seed and seed + done.inputs}"])
        done = Outcome(done.inputs + one.inputs, done.taken + one.taken, max(done.edges, one.edges), done.seconds + one.seconds,
                       one.failed)  # fmt: skip
    return done


def process(name: str, target: Target, options: list[str]) -> Outcome:
    """One target in a process of its own."""
    counter = build.BUILD / "taken"
    counter.write_bytes(bytes(8))
    log = LOG / f"{name}.txt"
    began = time.monotonic()
    with log.open("wb") as out:
        code = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.one", name, str(counter), *options, f"-max_len={target.longest}",
             f"-timeout={LONGEST_S}", f"-dict={dictionary()}", f"-artifact_prefix={build.BUILD}/found-{name}-",
             str(build.BUILD / "corpus" / name), str(build.BUILD / "seeds" / name)],
            stdout=out, stderr=subprocess.STDOUT, env=environment(), cwd=build.ROOT, check=False,
        ).returncode  # fmt: skip
    text = log.read_text(errors="replace")
    found = re.search(r"Test unit written to (\S+)", text)
    inputs, edges = ([int(n) for n in re.findall(pattern, text)] for pattern in (r"(?m)^#(\d+)", r" cov: (\d+)"))
    failed = found[1] if found else f"ended with {code}, see {log}" if code or not inputs else ""
    taken = int.from_bytes(counter.read_bytes(), sys.byteorder)
    return Outcome(max(inputs, default=0), taken, max(edges, default=0), time.monotonic() - began, failed)


def printed_last(name: str, lines: int = 20) -> str:
    """What the process of a target printed at its end, from the Python exception on where there is one."""
    log = (LOG / f"{name}.txt").read_text(errors="replace")
    _, exception, after = log.rpartition("=== Uncaught Python exception: ===")
    chosen = after.strip().splitlines()[:lines] if exception else log.splitlines()[-lines:]
    return "\n".join(f"    {line[:2000]}" for line in chosen)


def again(name: str, file: str) -> int:
    """One input once more, to the terminal."""
    counter = build.BUILD / "taken"
    counter.write_bytes(bytes(8))
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.one", name, str(counter), file], env=environment(), cwd=build.ROOT, check=False
    ).returncode


def main() -> int:
    known = targets(build.BUILD)
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--inputs", type=int, default=10_000_000, help="over all targets, by their shares (%(default)s)")
    parser.add_argument("--seconds", type=int, default=0, help="over all targets, alike; instead of --inputs")
    parser.add_argument("--target", action="append", choices=known, help="only this one; may be given again")
    parser.add_argument("--seed", type=int, default=0, help="of libFuzzer's choices; 0: another each time")
    parser.add_argument("--again", metavar="FILE", help="this one input, through the one --target")
    requests = parser.parse_args()
    if lacking := build.missing():
        print(f"can't fuzz: missing {'; '.join(lacking)}", file=sys.stderr)
        return 2
    build.build()
    if requests.again:
        return again(requests.target[0] if requests.target else "scanner", requests.again)
    chosen = {name: known[name] for name in requests.target or known}
    whole = sum(target.share for target in chosen.values())
    print(f"{'target':10} {'inputs':>11} {'taken':>10} {'edges':>6} {'inputs/s':>9}  failed")
    outcomes = []
    for name, target in chosen.items():
        each = max(1, requests.seconds // len(chosen)) if requests.seconds else 0
        done = fuzz(name, target, round(requests.inputs * target.share / whole), each, requests.seed)
        outcomes.append(done)
        rate = done.inputs / done.seconds
        print(f"{name:10} {done.inputs:11,} {done.taken:10,} {done.edges:6} {rate:9,.0f}  {done.failed or '-'}", flush=True)
        if done.failed:
            print(printed_last(name), flush=True)
    print(f"{'all':10} {sum(done.inputs for done in outcomes):11,} {sum(done.taken for done in outcomes):10,}")
    return 1 if any(done.failed for done in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
