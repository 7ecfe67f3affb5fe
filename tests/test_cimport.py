"""`cimport hft` from somebody else's package: no directives of ours, no headers but what Cython and the C compiler bring."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = """
# cython: language_level=3
cimport hft
from hft._core.base.types cimport Spec, money, notional, round_half_even
from hft._core.market.book cimport OrderBook
from hft._core.base.histogram cimport Histogram, histogram_add


def worth(Spec spec, long price, long qty):
    return notional(&spec.c, price, qty), money(&spec.c, price * qty), round_half_even(-7, 2)


def touch(OrderBook book):
    return hft.book_best(book.book, 0), hft.book_best(book.book, 1), hft.book_mid2(book.book)


def timed(Histogram histogram, long ns):
    histogram_add(histogram.c, ns)
"""

SETUP = """
from setuptools import Extension, setup
from Cython.Build import cythonize
setup(ext_modules=cythonize([Extension("mine", ["mine.pyx"])], quiet=True))
"""

USE = """
import mine, hft
spec = hft.Spec("BTCUSDT", tick="0.1", step="0.001")
assert mine.worth(spec, 618002, 500) == (3090010000000, 3090010000000, -4)
book = hft.OrderBook(spec)
book.snapshot([("61800.2", "1")], [("61800.3", "2")], 1)
assert mine.touch(book) == (618002, 618003, 1236005)
histogram = hft.Histogram()
mine.timed(histogram, 40)
assert histogram.count == 1
"""


@pytest.mark.long
def test_a_user_s_extension_builds_and_runs(tmp_path: Path) -> None:
    (tmp_path / "mine.pyx").write_text(SOURCE)
    (tmp_path / "setup.py").write_text(SETUP)
    root = str(Path(__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    for command in ([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], [sys.executable, "-c", USE]):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
