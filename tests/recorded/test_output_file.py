"""A file that is written is there whole, or not at all: real writers on a disk that takes no more."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hft._core.base.types import Spec
from hft.data.events import EVENT, EventWriter
from hft.data.npz_writer import NpzWriter
from hft.errors import UsageError
from tests import data

ROOT = Path(__file__).parents[2]
SPEC = Spec("BTCUSDT", tick="0.1", step="0.001")


def writer_of(path):
    return EventWriter(path, [SPEC], protocol="binance-usdm") if path.suffix == ".events" else NpzWriter(path, SPEC)


@pytest.fixture(params=["x.events", "x.npz"])
def path(request, tmp_path):
    return tmp_path / request.param


def test_it_has_its_name_when_it_is_whole(path):
    with writer_of(path) as writer:
        writer.append(np.zeros(1, EVENT))
        assert [each.name for each in path.parent.iterdir()] == [path.name + ".part"]
    assert list(path.parent.iterdir()) == [path]
    writer.close()


def test_nothing_is_left_of_what_failed(path):
    with pytest.raises(ValueError, match="of the reader's"), writer_of(path):
        raise ValueError("a failure of the reader's")
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_is_not_there(path):
    with pytest.raises(UsageError, match="can't be written: No such file"):
        writer_of(path.parent / "nowhere" / path.name)


def test_a_disk_that_is_full_is_one_line_and_leaves_nothing(path):
    """A limit on the size of files does as well as a full disk."""
    limit = data.figure(data.USDM_BTC, 1_000_000, 100_000)
    done = subprocess.run(
        [sys.executable, "-m", "hft", "convert", str(data.find(data.USDM_BTC)), str(path)], cwd=ROOT, capture_output=True,
        text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{path}: can't be written: File too large" in done.stderr
    assert list(path.parent.iterdir()) == []


def test_a_link_where_the_file_is_to_be_made_is_not_followed(path):
    """Neither that of the name nor that of the file in the making: what it leads to is another's."""
    victim = path.parent / "victim"
    victim.write_text("mine")
    for each in (path, path.with_name(path.name + ".part")):
        each.symlink_to(victim)
    with writer_of(path) as writer:
        writer.append(np.zeros(1, EVENT))
    assert victim.read_text() == "mine"
    assert sorted(path.parent.iterdir()) == sorted([path, victim])
    assert not path.is_symlink()


def test_what_a_killed_writer_left_is_in_nobody_s_way(path):
    path.with_name(path.name + ".part").write_bytes(b"half of it")
    with writer_of(path) as writer:
        writer.append(np.zeros(1, EVENT))
    assert list(path.parent.iterdir()) == [path]
