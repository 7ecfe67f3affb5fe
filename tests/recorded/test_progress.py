"""How far a run has come: told now and then and at the end, shown on a terminal and nowhere else."""

import contextlib
import io
import sys

import pytest

from hft.config import Config
from hft.data import progress as module
from hft.data.progress import Meter, Progress, on_terminal
from hft.data.sources import Data
from tests.backtesting.sessions import converted, written


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def data(tmp_path):
    return Data([converted(tmp_path / "one.events", written(tmp_path / "session", messages=300))], Config())


def test_it_is_reported_as_often_as_is_worth_while_and_at_the_end(data, monkeypatch):
    reported = []
    meter = Meter(data, reported.append)
    for n in range(1000):
        meter.report(lambda n=n: n)
    assert len(reported) < 1000
    monkeypatch.setattr(module, "REFRESH_S", 0)
    for _ in data.batches():
        meter.report(lambda: 7)
    assert reported[-1].events == 7
    meter.report(lambda: 301, at_once=True)
    assert reported[-1]._replace(seconds=0) == Progress(data.size, data.size, 301, 0)


def test_nothing_is_counted_without_a_callback(data):
    Meter(data, None).report(lambda: pytest.fail("counted for nobody"), at_once=True)


@pytest.mark.parametrize(("wanted", "stream"), [(False, Terminal()), (True, io.StringIO())])
def test_it_is_shown_on_a_terminal_only(monkeypatch, wanted, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    with on_terminal(wanted) as progress:
        assert progress is None
    assert stream.getvalue() == ""


def test_the_line_goes_when_it_is_over_however_that_comes(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with contextlib.suppress(KeyError), on_terminal(True) as progress:
        progress(Progress(25_000_000, 50_000_000, 3_000, 2.0))
        raise KeyError
    shown = sys.stderr.getvalue()
    assert " 50%  25.0 of 50.0 MB  3,000 events  1,500/s" in shown
    assert shown.endswith("\r\x1b[K")
