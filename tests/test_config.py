"""Settings: the design's file holds as it stands, and every mistake is one line that names its place and the way out."""

import re
import subprocess
import sys
import tomllib
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hft import cli
from hft.config import (
    Config,
    ImbalanceParams,
    QuoterParams,
    RiskLimits,
    StrategySettings,
    load,
    misnamed,
    parse_assignment,
    template,
    to_toml,
    unlimited,
)
from hft.config.objects import validated
from hft.config.shape import shapes, walk
from hft.config.toml import literal
from hft.errors import ConfigError, ExitCode, HftError, NotBuiltError

DESIGN = """
[strategy]
strategy_id = "imbalance_v1"
symbols = ["BTCUSDT"]
paper_trading = true

[strategy.params]
imbalance_threshold = 0.3
min_confidence = 0.7
feature_window_ms = 1000
signal_decay_ms = 500
max_position_size = 1.0
order_size_fraction = 0.5

[strategy.risk_limits]
max_position_size = 1.0
max_order_size = 0.5
max_notional_exposure = 100000.0
max_orders_per_second = 10

[strategy.performance]
buffer_capacity = 10000
market_channel_size = 10000
order_channel_size = 1000
persist_channel_size = 10000

[strategy.persistence]
database_path = "./data/strategy.db"
snapshot_interval_ms = 60000
batch_size = 100
"""


@pytest.fixture
def settings_file(tmp_path: Path):
    path = tmp_path / "hft.toml"

    def write(text: str) -> Path:
        path.write_text(text, "utf-8")
        return path

    return write


def refused(path: Path | None, overrides=None) -> str:
    """The line that a wrong setting ends in, without the folder of the test."""
    with pytest.raises(HftError) as caught:
        load(path, overrides)
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.exit_code == ExitCode.USAGE
    return line if path is None else line.replace(str(path), path.name)


def test_the_design_s_file_is_the_defaults(settings_file):
    assert load(settings_file(DESIGN)) == Config()


def test_every_key_of_the_design_s_file_is_read(settings_file):
    """Each value is changed in turn; the settings must change with it, or the key would not be honoured."""
    other = {"params": 2, "risk_limits": 2, "performance": 500, "persistence": 150}
    for section, value in other.items():
        for key in tomllib.loads(DESIGN)["strategy"][section]:
            changed = f'"elsewhere/{key}.db"' if key == "database_path" else (0.125 if section == "params" else value)
            changed = value if key.endswith("_ms") or key == "max_orders_per_second" else changed
            dotted = f"strategy.{section}.{key}"
            read = load(settings_file(DESIGN), dict([parse_assignment(f"{dotted}={changed}")]))
            assert getattr(getattr(read.strategy, section), key) == tomllib.loads(f"x = {changed}")["x"], dotted


def test_quantities_are_the_decimals_of_the_file(settings_file):
    text = DESIGN.replace("max_order_size = 0.5", "max_order_size = 0.30000000000000000001")
    assert load(settings_file(text)).strategy.risk_limits.max_order_size == Decimal("0.30000000000000000001")


def test_command_line_wins_over_file_over_default(settings_file):
    path = settings_file("[strategy.params]\nmin_confidence = 0.6\nsignal_decay_ms = 250\n")
    params = load(path, {"strategy.params.min_confidence": 0.9}).strategy.params
    assert (params.min_confidence, params.signal_decay_ms, params.imbalance_threshold) == (0.9, 250, 0.3)


def test_the_template_says_every_key_and_holds_the_defaults(settings_file):
    text = template()
    assert load(settings_file(text)) == Config()
    for path, section in walk(Config):
        assert f"[{'.'.join(path)}]" in text
        for key, shape in shapes(section).items():
            if shape.section is None and shape.named_section is None:
                assert f"{key} = " in text
                assert shape.text, f"{key} is not described"


def test_the_template_uncommented_is_valid_too(settings_file):
    active = re.sub(r"^# (\[[\w.]+\]|\w+ = )", r"\1", template(), flags=re.MULTILINE)
    read = load(settings_file(active))
    assert list(read.feed.symbols) == ["BTCUSDT"]
    assert replace(read, feed=Config().feed).resolved() == Config().resolved()


def test_effective_settings_read_back_as_themselves(settings_file):
    path = settings_file('[feed.symbols.BTCUSDT]\ntick = 0.10\nstep = 0.001\n[strategy]\nstrategy_id = "a.b-c"\n')
    read = load(path)
    assert load(settings_file(to_toml(read))) == read
    assert "# port = 9464" in to_toml(read)     # set, it would be refused to a second run, which now takes a free one
    whole = load(settings_file("[monitoring]\nport = 9464\n[broker]\nmaker_fee = 0\n"))
    assert load(settings_file(to_toml(whole))) == whole


def test_settings_travel_to_another_process_unchanged():
    sent = load(overrides={"broker.entry_latency_ms": Decimal("0.25"), "broker.maker_fee": Decimal("-0.0001")})
    assert msgspec.json.decode(msgspec.json.encode(sent), type=Config) == sent
    quoter = load(overrides={"strategy.kind": "quoter"})
    assert msgspec.json.decode(msgspec.json.encode(quoter), type=Config) == quoter


@pytest.mark.parametrize(
    ("dotted", "value", "line"),
    [
        ("strategy.params.imbalance_threshold", 1.5, "1.5 is not allowed; give a number above 0 up to 1"),
        ("strategy.params.imbalance_threshold", True, "true is not allowed; give a number above 0 up to 1"),
        ("strategy.params.imbalance_threshold", float("nan"), "NaN is not allowed; give a number above 0 up to 1"),
        ("strategy.params.feature_window_ms", 1.5, "1.5 is not allowed; give a whole number from 1 up to 3600000"),
        ("strategy.params.min_confidence", "0.7", '"0.7" is not allowed; give a number from 0 up to 1'),
        ("strategy.risk_limits.max_order_size", 0, "0 is not allowed; give a number above 0"),
        ("strategy.risk_limits.max_loss", -1, "-1 is not allowed; give a number from 0"),
        ("strategy.risk_limits.max_loss", Decimal("Infinity"), "Infinity is not allowed; give a number from 0"),
        ("strategy.symbols", [],
         "[] is not allowed; give a list of 1 or more upper-case names such as BTCUSDT, at most 63 bytes of UTF-8"),
        ("strategy.symbols", ["btc"],
         '["btc"] is not allowed; give a list of 1 or more upper-case names such as BTCUSDT, at most 63 bytes of UTF-8'),
        ("strategy.symbols", ["A", "A"], "A is listed twice; name each symbol once"),
        ("strategy.params", 3, "3 is not allowed; give a table"),
        ("strategy.paper_trading", False, "false: trading with real orders is not built yet; set it to true"),
        ("strategy.persistence.database_path", "x.log",
         "x.log can't be the database: it is a folder, or the name of another file of the run; give a file "
         "such as ./data/strategy.db"),
        ("strategy.persistence.batch_size", 20_000, "20000 is more than persist_channel_size = 10000; give at most that"),
        ("feed.venue", "nyse", '"nyse" is not allowed; give one of "embedded", "binance-spot", "binance-spot-data", '
         '"binance-spot-testnet", "binance-usdm", "binance-usdm-testnet", "binance-coinm"'),
        ("feed.rest_url", "localhost:80", '"localhost:80" is not allowed; give an http:// or https:// address'),
        ("engine.mode", "pipeline", 'pipeline is not built yet; set it to "inline"'),
        ("engine.book_window_ticks", 5000, "5000 is not a power of two; give 4096 or 8192"),
        ("strategy.kind", "onnx",
         '"onnx" is not allowed; give imbalance, quoter, or a class of yours as FILE.py:CLASS or MODULE:CLASS'),
        ("broker.entry_latency_ms", -1, "-1 is not allowed; give a number from 0 up to 60000"),
        ("broker.taker_fee", 2, "2 is not allowed; give a number above -1 below 1"),
        ("monitoring.port", 70_000, "70000 is not allowed; give a whole number from 0 up to 65535"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_is_allowed(dotted, value, line):
    *section, key = dotted.split(".")
    assert refused(None, {dotted: value}) == f"command line: [{'.'.join(section)}] {key}: {line}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[strategy.params]\nimbalance_treshold = 0.3\n",
         "hft.toml: [strategy.params]: unknown key imbalance_treshold; did you mean imbalance_threshold?"),
        ("[feed]\ntaker_fee = 0.1\n", "hft.toml: [feed]: unknown key taker_fee; did you mean taker_fee in [broker]?"),
        ("[stratgy]\n", "hft.toml: unknown key stratgy; did you mean strategy?"),
        ('[signal]\nkind = "onnx"\n', "hft.toml: unknown key signal; its name is [strategy] kind now"),
        ('[strategy]\nkind = "quoter"\n[strategy.params]\nmin_confidence = 0.5\n',
         "hft.toml: [strategy.params]: unknown key min_confidence; known here: feature_window_ms, imbalance_levels, "
         "depth_levels, order_size, distance_ticks, tolerance_ticks, max_position_size, retry_ms"),
        ("[feed.symbols.BTCUSDT]\ntick = 0.1\n", "hft.toml: [feed.symbols.BTCUSDT] step: is missing; give a number above 0"),
        ("[strategy\n", "hft.toml: not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 10)"),
        ('[feed]\nrest_url = "http://127.0.0.1:1"\n',
         "hft.toml: [feed] ws_url: is missing; give both URLs; `hft sim` prints them at start"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_line(settings_file, text, line):
    assert refused(settings_file(text)) == line


def test_files_that_can_t_be_read(tmp_path):
    assert refused(tmp_path / "none.toml") == "none.toml: no such file; `hft config init` writes one"
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'[strategy]\nstrategy_id = "\xe9"\n')
    assert refused(latin) == "latin.toml: not UTF-8 at byte 26; save it as UTF-8"
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    assert refused(folder) == "folder.toml: can't be read: Is a directory"


def test_what_is_not_built_is_distinguished_from_what_is_wrong():
    with pytest.raises(NotBuiltError):
        load(overrides={"engine.mode": "pipeline"})
    with pytest.raises(ConfigError):
        load(overrides={"engine.mode": "fast"})


@pytest.mark.parametrize("text", ["a", "=1", " = 1"])
def test_an_assignment_needs_key_and_value(text):
    with pytest.raises(ConfigError, match="is not key=value"):
        parse_assignment(text)


def test_an_assignment_below_a_value_is_refused(settings_file):
    path = settings_file("[strategy]\nstrategy_id = 'x'\n")
    line = refused(path, {"strategy.strategy_id.deeper": 1})
    assert line == "command line: strategy.strategy_id.deeper: strategy_id is not a table"


def test_fees_follow_the_venue_until_they_are_set():
    usdm, spot = (Decimal("0.0002"), Decimal("0.0005")), (Decimal("0.001"), Decimal("0.001"))
    assert load().fees == usdm
    assert load(overrides={"feed.venue": "binance-spot"}).fees == spot
    assert load(overrides={"exchange.protocol": "binance-spot", "broker.maker_fee": 0}).fees == (0, spot[1])


def test_the_kind_of_strategy_says_what_its_parameters_are():
    quoter = load(overrides={"strategy.kind": "quoter"})
    assert quoter.strategy.params == QuoterParams()
    sized = load(overrides={"strategy.params.order_size": Decimal("0.5"), "strategy.kind": "quoter"})
    assert sized.strategy.params == QuoterParams(order_size=Decimal("0.5"))
    assert tomllib.loads(to_toml(quoter))["strategy"]["params"]["distance_ticks"] == 1
    assert validated(Config(strategy=StrategySettings(kind="quoter"))) == quoter
    with pytest.raises(ConfigError, match="unknown key order_size"):
        validated(Config(strategy=StrategySettings(params=QuoterParams())))


def test_a_holding_period_of_zero_is_the_feature_window():
    assert ImbalanceParams(feature_window_ms=300).holding_ms == 300
    assert ImbalanceParams(feature_window_ms=300, holding_period_ms=20).holding_ms == 20


def test_settings_can_t_be_changed_after_loading():
    with pytest.raises(AttributeError):
        load().strategy.risk_limits.max_loss = Decimal(0)


@given(st.text())
def test_any_text_survives_the_emitter(text):
    assert tomllib.loads(f"x = {literal(text)}")["x"] == text


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_any_decimal_survives_the_emitter(number):
    assert Decimal(tomllib.loads(f"x = {literal(number)}", parse_float=str)["x"]) == number


PLAIN = st.none() | st.booleans() | st.floats() | st.integers() | st.text()


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_no_value_of_any_kind_gets_past_a_limit_or_raises_anything_else(value):
    try:
        limit = load(overrides={"strategy.risk_limits.max_order_size": value}).strategy.risk_limits.max_order_size
    except ConfigError as error:
        limit, line = Decimal(1), str(error)
    else:
        line = ""
    assert limit.is_finite()
    assert limit > 0
    assert "\n" not in line


def test_every_setting_has_a_range_or_choices():
    """A number without bounds would be honoured at any value; the one-sided ones are amounts of money or base units."""
    for _, section in walk(Config):
        for key, shape in shapes(section).items():
            if shape.bounds:
                assert shape.bounds.get("gt") is not None or shape.bounds.get("ge") is not None, key


def test_risk_limits_of_the_settings_have_a_reason_code():
    """A limit that rejects must say so under a name of its own (`hft._core.base.status`)."""
    from hft._core.base import status

    reasons = {
        "max_position_size": "position_limit", "max_order_size": "order_size", "max_notional_exposure": "notional_limit",
        "max_orders_per_second": "rate_limit", "max_loss": "loss_limit", "max_drawdown": "drawdown_limit",
        "price_collar_bps": "price_collar", "stale_data_ms": "stale_data",
    }  # fmt: skip
    assert set(reasons) == set(shapes(RiskLimits))
    assert set(reasons.values()) <= set(status.CODES)


def test_settings_load_without_heavy_imports():
    """The engine's process reads them too."""
    heavy = {"numpy", "rich", "prometheus_client", "websockets", "typer"}
    code = f"import sys, hft.config; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_the_settings(tmp_path, encoding):
    path = tmp_path / "hft.toml"
    path.write_text('[strategy]\nstrategy_id = "x"\n', encoding)
    assert load(path).strategy.strategy_id == "x"


def test_another_encoding_says_what_to_do(tmp_path):
    path = tmp_path / "hft.toml"
    path.write_text("[strategy]\n", "utf-16")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 0; save it as UTF-8"):
        load(path)


def test_overrides_are_blamed_on_where_they_come_from():
    for overrides in ({"nope": 1}, {"broker.taker_fee": "much"}, {"broker.taker_fee.x": 1, "broker.taker_fee.x.y": 2}):
        with pytest.raises(ConfigError, match=r"^arguments: "):
            load(overrides=overrides, origin_of_overrides="arguments")


@pytest.mark.parametrize("name", ["momentum", "mean-reversion_v2", "onnx", "Market_Maker"])
def test_a_name_of_another_kind_of_strategy_is_reported(name):
    config = load(overrides={"strategy.strategy_id": name})
    assert misnamed(config) == (
        f'[strategy] strategy_id = "{name}" is only a name; the strategy that trades is imbalance, see kind'
    )


@pytest.mark.parametrize("name", ["imbalance_v1", "imbalance_momentum", "mine", "main_7", "meanwhile"])
def test_a_name_that_claims_nothing_is_not(name):
    assert misnamed(load(overrides={"strategy.strategy_id": name})) is None


@pytest.mark.parametrize("text", ["1e3", "1000.0", "1000"])
def test_a_whole_number_may_be_written_with_an_exponent_or_a_point(text: str, tmp_path: Path) -> None:
    file = tmp_path / "hft.toml"
    file.write_text(f"[strategy.params]\nfeature_window_ms = {text}\n")
    found = [load(file), load(None, dict([parse_assignment(f"strategy.params.feature_window_ms={text}")]))]
    for config in found:
        window = config.strategy.params.feature_window_ms
        assert (window, type(window)) == (1000, int)
    assert load(None, {"strategy.params.holding_period_ms": Decimal("0.0")}).strategy.params.holding_period_ms == 0


def test_a_limit_that_is_none_is_warned_about(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from tests.backtesting.sessions import written

    assert unlimited(Config()) == []
    path = written(tmp_path / "session")
    assert cli.run(["backtest", str(path), "--set", "strategy.risk_limits.max_position_size=9e18"]) == 0
    reported = [line for line in capsys.readouterr().err.splitlines() if "is no limit" in line]
    assert reported == ["[strategy.risk_limits] max_position_size = 9e18 is no limit: no position will ever reach it"]


@pytest.mark.parametrize("text", ["broker.queue_size=1\nstrategy.strategy_id=2", 'a="""x\ny"""', "a=1\r\nb=2", "a\nb=1"])
def test_an_assignment_of_several_lines_is_refused_and_none_of_it_dropped(text):
    with pytest.raises(ConfigError, match="more than one line"):
        parse_assignment(text)

