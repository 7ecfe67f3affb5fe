"""Packed files: what was flushed is read back, wherever the file is cut; parts find each other."""

from __future__ import annotations

import gzip
import io
import random
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hft.data.captures import Capture
from hft.data.files import Packer, Torn, lines, part_path, parts
from hft.errors import UsageError

# A line begins with its stamp: no file of them looks packed by its first bytes.
LINES = st.lists(st.binary(max_size=300).map(lambda raw: b"1 " + raw.replace(b"\n", b" ") + b"\n"), min_size=1, max_size=60)


def read(data: bytes) -> tuple[list[bytes], bool]:
    """The lines of a file, and whether it breaks off."""
    found = []
    try:
        found.extend(lines(io.BytesIO(data)))
    except Torn:
        return found, True
    return found, False


@pytest.mark.parametrize("ending", [".gz", ".zst", ".jsonl"])
@given(batches=st.lists(LINES, min_size=1, max_size=8), cut=st.floats(0, 1))
def test_what_was_flushed_is_read_back_wherever_the_file_is_cut(ending: str, batches: list[list[bytes]], cut: float) -> None:
    packer = Packer(Path("x" + ending))
    data, flushed = b"", [(0, 0)]       # (bytes, lines) that were safe at some time
    for batch in batches:
        data += packer.pack(b"".join(batch)) + packer.flush()
        flushed.append((len(data), flushed[-1][1] + len(batch)))
    whole = data + packer.finish()
    every = [line for batch in batches for line in batch]
    assert read(whole) == (every, False)

    at = round(cut * (len(data) - 1))
    if ending != ".jsonl" and at < 20:
        return                          # not even a header
    found, torn = read(data[:at])
    found = [line for line in found if line.endswith(b"\n")]
    safe = max(n for size, n in flushed if size <= at)
    assert found == every[:len(found)]
    assert len(found) >= safe
    assert torn == (ending != ".jsonl")


def test_files_one_after_the_other_are_one() -> None:
    assert read(gzip.compress(b"a\nb") + gzip.compress(b"c\nd\n")) == ([b"a\n", b"bc\n", b"d\n"], False)
    packed = [zstandard.ZstdCompressor().compress(part) for part in (b"a\nb", b"c\nd\n")]
    assert read(b"".join(packed)) == ([b"a\n", b"bc\n", b"d\n"], False)


PACK = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor(write_checksum=True).compress}


@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
@given(parts=st.lists(LINES, min_size=1, max_size=5), cuts=st.lists(st.floats(0, 1), min_size=5, max_size=5),
       zeros=st.lists(st.sampled_from([0, 0, 1, 7, 600, 70_000]), min_size=5, max_size=5))  # fmt: skip
def test_what_is_appended_after_a_tear_is_read(pack, parts: list[list[bytes]], cuts: list[float], zeros: list[int]) -> None:
    """Each part a member: a killed recorder's, cut somewhere, with what a crash may leave behind it, and the last one whole."""
    data, whole = b"", []
    for n, (part, cut, padding) in enumerate(zip(parts, cuts, zeros, strict=False)):
        own = [b"%d " % n + line for line in part]
        packed = pack(b"".join(own))
        end = len(packed) if n == len(parts) - 1 or cut > 0.9 else max(round(cut * len(packed)) - 13, 12)
        whole.append((own, end == len(packed)))
        data += packed[:end] + bytes(padding if end == len(packed) or padding > 100 else 0)
    tears = []
    found = list(lines(io.BytesIO(data), lambda: tears.append(1)))
    assert len(tears) == sum(not each for _, each in whole)
    # Of every member the beginning, of whole ones all.
    left = found
    for part, complete in whole:
        n = len(part) if complete else next((i for i, line in enumerate(part) if i >= len(left) or left[i] != line), len(part))
        assert left[:n] == part[:n]
        left = left[n:]
    assert left == []


@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
@pytest.mark.parametrize("zeros", [1, 15, 16, 100_000, 3_000_000])
def test_zeros_behind_the_last_member_are_passed_over(pack, zeros: int) -> None:
    assert read(pack(b"a\nb\n") + bytes(zeros)) == ([b"a\n", b"b\n"], False)
    assert read(pack(b"a\nb\n" * 9999)[:-5] + bytes(zeros if zeros > 15 else 0))[1]


def test_a_member_that_looks_like_one_inside_another_is_no_tear() -> None:
    """Stored uncompressed, the bytes of one file lie within another."""
    inner = gzip.compress(b"inner\n")[:14]
    deflate = zlib.compressobj(0, zlib.DEFLATED, 31)
    content = b"a\n" + inner + b"b\n" + random.Random(7).randbytes(100_000)
    data = deflate.compress(content) + deflate.flush()
    assert b"".join(lines(io.BytesIO(data))) == content


def test_a_line_longer_than_any_buffer() -> None:
    long = b"x" * 3_000_000 + b"\n"
    assert read(gzip.compress(long + b"y\n")) == ([long, b"y\n"], False)


@pytest.mark.parametrize(
    "packed", [gzip.compress(b"a\n" * 5000), zstandard.ZstdCompressor(write_checksum=True).compress(b"a\n" * 5000)],
    ids=["gz", "zst"],
)
def test_damage_inside_is_no_tear(packed: bytes) -> None:
    data = bytearray(packed)
    data[-3] ^= 0xFF
    with pytest.raises(ValueError, match="can't be unpacked"):
        list(lines(io.BytesIO(bytes(data))))


def test_a_level_that_a_format_does_not_have() -> None:
    with pytest.raises(UsageError, match="gzip has no level 12"):
        Packer(Path("x.gz"), 12)
    assert read(Packer(Path("x.zst"), 12).finish())[0] == []


# -- parts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "part"),
    [("btc.zst", "btc.part0003.zst"), ("btc", "btc.part0003"), ("btc.jsonl.gz", "btc.part0003.jsonl.gz"),
     ("btc.2026-01-02.gz", "btc.2026-01-02.part0003.gz"), ("a[1].gz", "a[1].part0003.gz")],
)
def test_parts_sort_and_find_each_other(tmp_path: Path, name: str, part: str) -> None:
    path = tmp_path / name
    assert part_path(path, 3).name == part
    assert parts(path) == [path]            # none there yet
    made = [part_path(path, n) for n in (1, 2, 9, 10, 11, 10_000)]
    for each in made:
        each.touch()
    (tmp_path / f"other{part}").touch()
    (tmp_path / f"{part}.bak").touch()
    assert sorted(each.name for each in made[:-1]) == [each.name for each in made[:-1]]
    for named in (path, *made):
        assert parts(named) == made
    path.touch()
    assert parts(path) == [path]


# Reads a file to its end as a capture, and says what came of it and how much memory that took.
READS = """
import resource, sys
from hft.errors import HftError
from hft.data.captures import Capture
try:
    for record in Capture(sys.argv[1]):
        pass
except HftError as error:
    print(error)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))     # ru_maxrss has the parent's before exec
print(int(peak.split()[1]) // 1024)
"""
MEGABYTES = {"zeros": 400, "newlines": 24}


def bomb(kind: str, path: Path) -> Path:
    """A file of nothing but zeros or newlines; `kind` says how it is packed."""
    packing, _, byte = kind.partition(" of ")
    block = {"zeros": b"\0", "newlines": b"\n"}[byte] * (1 << 20)
    if packing == "plain" and byte == "zeros":
        with path.open("wb") as file:
            file.truncate(MEGABYTES[byte] << 20)
        return path
    with gzip.open(path, "wb", 1) if packing == "gzip" else zstandard.open(path, "wb") as file:
        for _ in range(MEGABYTES[byte]):
            file.write(block)
    return path


@pytest.mark.parametrize(
    "kind",
    ["plain of zeros", "gzip of zeros", "zstandard of zeros", "gzip of newlines",
     pytest.param("zstandard of newlines", marks=pytest.mark.long)],
)
def test_a_file_that_unpacks_to_anything_takes_no_more_memory_than_the_longest_line(kind: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READS, str(bomb(kind, tmp_path / "x"))], capture_output=True, text=True, check=True, timeout=120
    )
    message, megabytes = done.stdout.splitlines()
    expected = "a line of more than 65 MiB: not a capture" if kind.endswith("zeros") else "holds no record"
    assert expected in message
    assert done.stderr == ""
    assert int(megabytes) < (300 if kind.endswith("zeros") else 150)


def test_a_device_without_end_is_no_capture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="/dev/zero: is a device"):
        list(Capture("/dev/zero"))
