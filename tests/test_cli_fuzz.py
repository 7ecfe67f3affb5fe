"""Command lines of every kind: an answer, or one line that says what is wrong. No traceback, no hang."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hft import cli
from hft.errors import ExitCode
from tests.commands import one_line, run
from tests.sizes import examples

EXAMPLES = int(os.environ.get("HFT_FUZZ_EXAMPLES", examples(1000)))
COMMANDS = ["live", "sim", "record", "verify", "watch", "kill", "backtest", "convert", "bench", "config", "config show",
            "config check", "config init", "nope", ""]  # fmt: skip
OPTIONS = ["--config", "-c", "--set", "--json", "--symbols", "--venue", "--rest-url", "--ws-url", "--duration", "--seed",
           "--headless", "--fresh", "--monitor-port", "--no-monitor", "--record", "--port", "--host", "--faults", "--capture",
           "--speed", "--release", "--reason", "--output", "--out", "--force",
           "--series", "--help", "--version", "--nope", "-", "--"]  # fmt: skip
WORDS = st.one_of(
    st.sampled_from([
        "", "0", "-1", "1e400", "nan", "inf", "9" * 5000, str(2**63), str(2**64), "x" * 5000, "a\nb", "\ud800", "é", "BTCUSDT",
        "a,b,,", "binance-usdm", "http://[::1", "http://[::1]:99999/", "ws://\x7f", "broker.entry_latency_ms=1", "x=[[[[",
        "/dev/null", "/", ".", "~",
        "nowhere/at/all.toml", "FOLDER", "EMPTY", "FIFO", "NOISE", "NEWLINE",
    ]),
    st.text(max_size=12),
)  # fmt: skip
# What would run until it is stopped: each is made to refuse before it starts anything, since a true command line would trade.
STOPPED = {
    "live": ["--set", "strategy.paper_trading=false"], "sim": ["--set", "strategy.paper_trading=false"],
    "record": ["--set", "strategy.paper_trading=false"], "watch": ["--set", "strategy.paper_trading=false"],
    "bench": ["--set", "strategy.paper_trading=false"], "kill": ["--set", "strategy.paper_trading=false"],
}  # fmt: skip


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Things that a name may lead to."""
    folder = tmp_path_factory.mktemp("places")
    found = {name: folder / name.lower() for name in ("FOLDER", "EMPTY", "FIFO", "NOISE")} | {"NEWLINE": folder / "a\nb.toml"}
    found["FOLDER"].mkdir()
    found["EMPTY"].write_bytes(b"")
    found["NEWLINE"].write_bytes(b"[broker]\n")
    found["NOISE"].write_bytes(bytes(range(256)) * 40)
    os.mkfifo(found["FIFO"])
    return {name: str(path) for name, path in found.items()}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(command=st.sampled_from(COMMANDS), words=st.lists(st.one_of(st.sampled_from(OPTIONS), WORDS), max_size=6))
def test_a_command_line_of_any_kind(
    places: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    named = [places.get(word, word) for word in words]
    one_line(run([*command.split(), *named, *STOPPED.get(command, [])]))


def test_a_bug_is_one_line_and_its_traceback_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> int:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr(cli, "commands", lambda: broken)
    assert cli.run(["config", "show"]) == ExitCode.INTERNAL == 70
    line = capsys.readouterr().err
    assert line.startswith("hft: a bug in hft: ZeroDivisionError: by zero; its traceback is in ")
    assert len(line.splitlines()) == 1
    path = Path(line.split()[-1])
    assert "in broken" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
