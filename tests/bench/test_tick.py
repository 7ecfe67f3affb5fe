"""`hft bench tick`: its figures belong together, and what can't be measured is refused. No figure is judged: machines differ."""

import gzip
import json

import pytest

from hft import cli
from hft.bench.tick import as_text, measure
from hft.config import Config
from hft.errors import ExitCode, UsageError
from hft.run.wiring import build_engine
from hft.venues.binance.venues import USDM
from tests import data


@pytest.fixture(scope="module")
def report(spec, tape):
    return measure("generated", tape, lambda: build_engine(Config(), [spec], USDM), rounds=2)


@pytest.fixture
def run(capsys):
    def call(*argv):
        code = cli.run(argv)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def write(path, tape, *, book):
    """A tape as a capture file."""
    frames = [b"%d %s" % pair for pair in zip(tape.stamps, tape.frames, strict=True)]
    if book:
        ((before, _, now, snapshot),) = tape.books
        levels = {"bids": snapshot.bids, "asks": snapshot.asks}
        frames.insert(before, b"%d %s" % (now, json.dumps({"lastUpdateId": snapshot.last_update_id, **levels}).encode()))
    path.write_bytes(gzip.compress(b"\n".join(frames) + b"\n"))
    return path


def test_the_kinds_add_up_to_the_messages(report, tape):
    assert sum(figures.messages for figures in report.by_kind.values()) == report.messages == len(tape.frames)
    assert set(report.by_kind) == {"depth", "bookTicker", "trade"}
    named = {"depth": b'"e":"depthUpdate"', "trade": b'"e":"trade"'}
    for kind, mark in named.items():
        assert report.by_kind[kind].messages == sum(mark in frame for frame in tape.frames)


def test_the_figures_are_in_order(report):
    for figures in (report, *report.by_kind.values()):
        assert 0 < figures.p50_ns <= figures.p99_ns <= figures.p999_ns <= figures.max_ns
    assert report.max_ns == max(figures.max_ns for figures in report.by_kind.values())
    assert min(figures.p50_ns for figures in report.by_kind.values()) <= report.p50_ns
    assert report.messages_per_s > 0
    assert report.msgspec_messages_per_s > 0


def test_the_engine_has_done_its_work(report, spec, tape):
    engine = build_engine(Config(), [spec], USDM)
    tape.run(engine)
    assert (report.orders, report.fills) == (engine.counters()["orders"], engine.counters()["fills"])


def test_the_table_for_a_person_has_every_kind(report):
    text = as_text(report)
    assert text.startswith("generated, best of 2 rounds")
    for kind, figures in report.by_kind.items():
        assert f"{kind:<12}{figures.messages:>10,}{figures.p50_ns:>10,}" in text
    assert f"{report.messages_per_s:,} messages/s" in text


def test_json_of_a_generated_stream(run):
    code, out, err = run("bench", "tick", "--messages", "1500", "--json")
    assert (code, err) == (ExitCode.OK, "")
    got = json.loads(out)
    assert {"messages", "messages_per_s", "p50_ns", "p99_ns", "p999_ns", "max_ns", "by_kind"} <= set(got)
    assert got["messages"] == sum(kind["messages"] for kind in got["by_kind"].values()) == 1500


def test_json_of_a_capture(run, tmp_path, tape):
    path = write(tmp_path / "session.gz", tape, book=True)
    code, out, err = run("bench", "tick", "--input", str(path), "--json")
    assert (code, err) == (ExitCode.OK, "")
    got = json.loads(out)
    assert (got["source"], got["messages"]) == (str(path), len(tape.frames))


def test_a_capture_without_a_snapshot_is_refused(run, tmp_path, tape):
    path = write(tmp_path / "session.gz", tape, book=False)
    code, out, err = run("bench", "tick", "--input", str(path))
    assert (code, out) == (ExitCode.USAGE, "")
    assert err.count("\n") == 1
    assert "no book came into sync" in err
    assert str(path) in err


def test_a_book_that_never_syncs_is_no_tick(spec, tape):
    with pytest.raises(UsageError, match="no book came into sync"):
        measure("empty", type(tape)([], "BTCUSDT"), lambda: build_engine(Config(), [spec], USDM), rounds=1)


@pytest.mark.parametrize("capture", [data.SPOT_BTC, data.USDM_BTC])
def test_a_real_session(run, capture):
    """Every line that is a frame is measured, and the strategy trades."""
    code, out, err = run("bench", "tick", "--input", str(data.find(capture)), "--json")
    assert (code, err) == (ExitCode.OK, "")
    got = json.loads(out)
    lines = list(data.frames(capture))
    assert got["messages"] == sum(not line.startswith(b'{"lastUpdateId"') for line in lines)
    assert got["by_kind"]["depth"]["messages"] == sum(b'"e":"depthUpdate"' in line for line in lines)
    assert got["orders"] > 0
