"""Settings of every kind: valid, or one line that says what is wrong. No traceback, no hang."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft.config import Config, load, to_toml
from hft.config.shape import shapes, walk
from hft.errors import ConfigError, NotBuiltError, UsageError
from hft.run.wiring import KEYS, build_engine, engine_settings
from hft.venues.binance.venues import USDM
from tests.commands import no_hang, one_line, run
from tests.sizes import examples

KEYS_KNOWN = [
    ".".join((*path, key)) for path, section in walk(Config) for key, shape in shapes(section).items() if shape.section is None
]
VALUES = st.one_of(
    st.sampled_from([
        "0", "-1", "1", "1e11", "1e16", "1e-300", "1e999999999", "1e99999999999999999999999", "-1e400", "nan", "inf", "-inf",
        "9" * 4400,
        "0x" + "f" * 5000, str(2**63), str(2**64), str(-(2**63) - 1), "true", "[]", "{}", '""', '"x"', "[[[[[]]]]]", "[" * 50_000,
        "[" * 5000 + "]" * 5000, '{a = ' * 500 + "1" + "}" * 500, '"\\u0000"', '"a\\nb"', '"http://[::1"', '"http://[::1]:99999"',
        '"http://"', '"https://x:y"', '"ws://\\u007f"', '"./data/"', '"/dev/null"', '"/"', '"' + "x" * 5000 + '"', '["BTCUSDT"]',
        '["BTCUSDT", "BTCUSDT"]', "1979-05-27T07:32:00Z", "07:32:00", "'''\nx'''", "0.1.2", "a = b", "\ud800", "é", "\x00",
        "\n[broker]\n",
    ]),
    st.text(max_size=30), st.integers().map(str), st.floats().map(repr), st.decimals().map(str),
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(KEYS_KNOWN),
    st.sampled_from(['feed.symbols."A.B".tick', "a" + ".a" * 5000, "", ".", "feed", '"', "feed.symbols", "x" * 9000]),
    st.text(max_size=20),
)  # fmt: skip
EXAMPLES = int(os.environ.get("HFT_FUZZ_EXAMPLES", examples(1000)))
MANY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


def test_every_number_at_its_bounds_makes_an_engine_or_one_line() -> None:
    """Valid settings whose products overflow: saturated where they mean "no limit", refused by name where they don't."""
    spec = Spec("BTCUSDT", tick="0.1", step="0.001")
    for key in KEYS_KNOWN:
        for value in ("1e10", "1e11", "1e16", "1e25", "46116860184", "46116860185", str(2**62)):
            try:
                config = load(overrides={key: Decimal(value) if "e" in value else int(value)})
                if config.engine.max_open_orders <= 256 and config.strategy.performance.buffer_capacity <= 10_000:
                    build_engine(config, [spec], USDM)
            except (ConfigError, NotBuiltError, UsageError) as error:
                if key.rpartition(".")[2] not in str(error):
                    pytest.fail(f"{key} = {value} is not named: {error}")


@pytest.mark.parametrize("key", ["max_loss", "max_drawdown", "max_notional_exposure", "max_position_size", "max_order_size"])
def test_a_limit_may_be_as_large_as_anyone_likes(key: str) -> None:
    for value in ("1e11", "1e16", "1e29"):
        config = load(overrides={f"strategy.risk_limits.{key}": Decimal(value)})
        assert build_engine(config, [Spec("BTCUSDT", tick="0.1", step="0.001")], USDM).killed is False


def test_capital_beyond_what_the_engine_counts_is_refused_with_the_largest() -> None:
    message = "[broker] initial_cash: 100000000000 is not allowed; give a number above 0 up to 46116860184"
    with pytest.raises(ConfigError, match=re.escape(message)):
        load(overrides={"broker.initial_cash": 10**11})


def test_a_limit_below_one_step_is_refused_by_its_name() -> None:
    """Taken down to the step it would be 0, and 0 is no limit."""
    config = load(overrides={"strategy.risk_limits.max_position_size": Decimal("0.0004")})
    message = "[strategy.risk_limits] max_position_size: 0.0004 is less than BTCUSDT's step 0.001"
    with pytest.raises(UsageError, match=re.escape(message)):
        build_engine(config, [Spec("BTCUSDT", tick="0.1", step="0.001")], USDM)


def test_every_setting_of_an_engine_has_a_key_of_the_settings() -> None:
    assert set(engine_settings(Config())) - {"strategy"} | {"journal"} == set(KEYS)
    known = {f"[{'.'.join(path)}] {key}" for path, section in walk(Config) for key in shapes(section)}
    assert set(KEYS.values()) <= known


@pytest.mark.parametrize(("symbols", "least"), [(1, 405), (2, 605), (64, 13_005)])
def test_the_journal_must_hold_what_one_input_may_cause(symbols: int, least: int) -> None:
    names = [f"S{n}USDT" for n in range(symbols)]
    given_ = {
        "strategy.symbols": names, "strategy.performance.persist_channel_size": least, "strategy.persistence.batch_size": 64,
    }
    load(overrides=given_)
    with pytest.raises(ConfigError, match=rf"persist_channel_size: {least - 1} records can't hold .*; give at least {least}$"):
        load(overrides={**given_, "strategy.performance.persist_channel_size": least - 1})


# --- whatever it is


@MANY
@given(name=NAMES, value=VALUES)
@example("broker.entry_latency_ms", "1e99999999999999999999")
@example("exchange.seed", str(2**64))
@example("strategy.symbols", "[" * 100_000)
def test_an_assignment_of_any_kind(name: str, value: str) -> None:
    one_line(run(["config", "show", "--set", f"{name}={value}"]))


@MANY
@given(lines=st.lists(st.one_of(
    st.tuples(NAMES, VALUES).map(lambda each: f"{each[0]} = {each[1]}"),
    st.sampled_from(["[strategy]", "[a.b]", "[[x]]", "[" * 3000, "\t"]), st.text(max_size=40),
), max_size=6), torn=st.binary(max_size=4))  # fmt: skip
def test_a_file_of_any_kind(tmp_path_factory: pytest.TempPathFactory, lines: list[str], torn: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "settings.toml"
    path.write_bytes("\n".join(lines).encode(errors="surrogatepass") + torn)
    one_line(run(["config", "check", str(path)]))


@settings(max_examples=examples(200), deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS_KNOWN), VALUES, max_size=3))
def test_what_is_shown_reads_back_as_the_same_settings(given_: dict[str, str]) -> None:
    ran = run(["config", "show", *[word for key, value in given_.items() for word in ("--set", f"{key}={value}")]])
    one_line(ran)
    if ran.code == 0:
        assert to_toml(_load_text(ran.out)) == ran.out


def _load_text(text: str) -> Config:
    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        return load(file.name)


# --- what is no file

LIVE = ["live", "--headless", "--no-monitor", "--duration", "1", "--set"]


def test_a_long_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    with path.open("wb") as file:
        file.truncate(1 << 40)          # a hole: as long as it likes, and nothing on the disk
    ran = run(["config", "check", str(path)])
    assert (ran.code, ran.err) == (2, f"hft: {path}: is longer than 1 MiB; a settings file is far shorter\n")
    assert run(["config", "check", "/dev/zero"]).code == 2


def test_a_pipe_that_nobody_writes_to_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    ran = run(["config", "check", str(path)])
    assert (ran.code, ran.err) == (2, f"hft: {path}: is a pipe that sends nothing; name a file\n")


def test_a_pipe_that_gives_settings_is_read(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"[broker]\nentry_latency_ms = 7\n")
    os.close(writing)
    with no_hang("a pipe"):
        assert load(f"/dev/fd/{reading}").broker.entry_latency_ms == 7
    os.close(reading)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize(("make", "is_a"), [(Path.mkdir, "a folder"), (os.mkfifo, "a pipe")], ids=["folder", "pipe"])
def test_a_run_is_refused_where_something_else_stands_in_a_file_s_place(
    tmp_path: Path, make: Callable[[Path], None], is_a: str, suffix: str
) -> None:
    path = tmp_path / f"s.db{suffix}"
    make(path)
    ran = run([*LIVE, f"strategy.persistence.database_path={tmp_path}/s.db"])
    assert ran.code == 2
    do = "move it away, or change [strategy.persistence] database_path"
    assert ran.err == f"hft: {path}: is {is_a} in place of a file; {do}\n"


@pytest.mark.parametrize("name", ["s.state", "s.log"])
def test_so_are_the_files_beside_the_database(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    ran = run([*LIVE, f"strategy.persistence.database_path={tmp_path}/s.db"])
    assert (ran.code, f"{name}: is a pipe" in ran.err) == (2, True)
