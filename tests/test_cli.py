"""The command line: help that suffices, settings in the stated order, and one line for every error."""

import re
import shutil
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest

import hft
from hft import cli
from hft.config import Config, LiveOptions, load
from hft.errors import ExitCode, HftError, StrategyError
from hft.version import VERSION

COMMANDS = [
    ["live"], ["sim"], ["record"], ["verify"], ["watch"], ["kill"], ["backtest"], ["convert"], ["bench"], ["bench", "tick"],
    ["config"], ["config", "init"], ["config", "check"], ["config", "show"], ["strategy"], ["strategy", "show"],
]  # fmt: skip


@pytest.fixture
def run(capsys):
    def call(*argv: str) -> tuple[int, str, str]:
        code = cli.run(argv)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def called(monkeypatch):
    """Stands in for a module that a command imports; keeps what it was called with."""
    calls = []

    def stand_in(module: str, name: str, outcome=0):
        def function(*args, **kwargs):
            calls.append((args, kwargs))
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        fake = types.ModuleType(module)
        setattr(fake, name, function)
        parent, _, child = module.rpartition(".")
        if "." in parent:
            monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
        monkeypatch.setitem(sys.modules, module, fake)
        monkeypatch.setattr(sys.modules[parent], child, fake, raising=False)
        return calls

    return stand_in


def found(group, path=()):
    """Every command below a group, with the words it is called by."""
    for name, command in group.commands.items():
        yield [*path, name], command
        if hasattr(command, "commands"):
            yield from found(command, (*path, name))


def test_every_command_is_listed_here():
    assert sorted(path for path, _ in found(cli.commands())) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_says_what_the_command_and_every_option_do(run, command):
    code, out, _ = run(*command, "--help")
    (spec,) = (spec for path, spec in found(cli.commands()) if path == command)
    assert code == 0
    assert spec.help
    for option in (option for option in spec.params if option.param_type_name == "option"):
        assert option.opts[0] in out
        assert option.help, f"{option.opts[0]} says nothing"


def test_without_a_command_help_is_shown(run):
    assert run() == run("--help")


def test_the_version_is_the_package_s(run):
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]
    assert run("--version") == (0, f"hft {project['version']}\n", "")


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["deal"], "hft: No such command 'deal'; see `hft --help`"),
        (["live", "--zzz", "1"], "hft live: No such option: --zzz; see `hft live --help`"),
        (["config"], "hft config: Missing command; see `hft config --help`"),
        (["config", "check"], "hft config check: Missing argument 'FILE'; see `hft config check --help`"),
        (["config", "check", "none.toml"], "hft: none.toml: no such file; `hft config init` writes one"),
        (["config", "show", "--set", "x"], "hft: --set: 'x' is not key=value; e.g. --set strategy.params.min_confidence=0.8"),
        (["verify"], "hft verify: Missing argument 'RUN'; see `hft verify --help`"),
        (["live", "--set", "strategy.paper_trading=false"],
         "hft: command line: [strategy] paper_trading: false: trading with real orders is not built yet; set it to true"),
        (["live", "--venue", "binance-coinm"],
         "hft: [feed] venue: binance-coinm: trading inverse contracts (COIN-M) is not built yet; use binance-usdm"),
        (["sim", "--faults", "none.toml"],
         "hft sim: none.toml: no such file; docs/faults.md describes its format"),
        (["live", "--duration", "soon"],
         "hft live: Invalid value for '--duration': 'soon' is not a duration from 0.1 s to ten years: give 90, 90s, 1m or 2h;"
         " see `hft live --help`"),
        (["live", "--symbols", ","],
         "hft: command line: [strategy] symbols: [] is not allowed; give a list of 1 or more upper-case names such as BTCUSDT, "
         "at most 63 bytes of UTF-8"),
    ],
)  # fmt: skip
def test_a_usage_error_is_one_line_and_exit_code_2(run, argv, line):
    assert run(*argv) == (ExitCode.USAGE, "", line + "\n")


def test_options_win_over_set_over_file(run, called, tmp_path):
    path = tmp_path / "hft.toml"
    path.write_text('[exchange]\nseed = 1\n[monitoring]\nport = 1\n[strategy]\nstrategy_id = "file"\n')
    calls = called("hft.trading.launch", "live", 0)
    argv = ["live", "-c", str(path), "--set", "exchange.seed=2", "--set", "monitoring.port=2", "--monitor-port", "3"]
    assert run(*argv)[0] == 0
    (config, _), _ = calls[0]
    assert (config.strategy.strategy_id, config.exchange.seed, config.monitoring.port) == ("file", 2, 3)


def test_live_hands_over_settings_and_options(run, called):
    calls = called("hft.trading.launch", "live", 6)
    code, _, _ = run(
        "live", "--venue", "binance-spot", "--symbols", "btcusdt, ethusdt", "--duration", "20", "--headless", "--json", "--fresh",
        "--rest-url", "http://127.0.0.1:1", "--ws-url", "ws://127.0.0.1:2", "--seed", "7", "--no-monitor",
    )  # fmt: skip
    assert code == ExitCode.HALTED
    (config, options), _ = calls[0]
    assert options == LiveOptions(duration_s=20.0, headless=True, json=True, fresh=True)
    assert config.strategy.symbols == ("BTCUSDT", "ETHUSDT")
    assert (config.feed.venue, config.feed.rest_url, config.feed.ws_url) == ("binance-spot", "http://127.0.0.1:1", "ws://127.0.0.1:2")
    assert (config.exchange.seed, config.monitoring.enabled) == (7, False)


def test_record_and_live_record_hand_over_what_to_write(run, called):
    calls = called("hft.trading.record", "record", 0)
    argv = ["record", "x.zst", "--duration", "5", "--json", "--rotate-mb", "7", "--rotate-daily", "--venue", "binance-usdm"]
    assert run(*argv)[0] == 0
    (config, path), options = calls[0]
    assert (path, options) == (Path("x.zst"), {"duration_s": 5.0, "json": True})
    assert (config.recording.rotate_mb, config.recording.rotate_daily, config.feed.venue) == (7, True, "binance-usdm")
    calls = called("hft.trading.launch", "live", 0)
    assert run("live", "--record", "y.gz")[0] == 0
    assert calls[1][0][1] == LiveOptions(record="y.gz")


def test_kill_prints_what_it_did_to_the_engine_of_that_database(run, called):
    calls = called("hft.monitoring.kill", "trip", "the kill switch is on")
    assert run("kill", "--set", "strategy.persistence.database_path=runs/a.db") == (0, "the kill switch is on\n", "")
    assert run("kill", "--release")[0] == 0
    paths = [(tuple(map(Path, arguments)), options["release"]) for arguments, options in calls]
    assert paths == [
        ((Path("runs/a.state"), Path("runs/a.db")), False), ((Path("data/strategy.state"), Path("data/strategy.db")), True),
    ]


def test_watch_finds_the_state_page_beside_the_database(run, called):
    calls = called("hft.monitoring.watch", "watch")
    assert run("watch", "--once")[0] == 0
    assert calls == [((Path("data/strategy.state"),), {"once": True})]


def test_live_without_options_is_the_defaults(run, called):
    calls = called("hft.trading.launch", "live")
    run("live")
    assert calls == [((Config(), LiveOptions()), {})]


@pytest.mark.parametrize("kind", [*HftError.__subclasses__(), StrategyError], ids=lambda kind: kind.__name__)
def test_every_failure_is_reported_in_one_line_with_its_code(run, called, kind):
    called("hft.trading.launch", "live", kind("went\nwrong", where="there", do="do this"))
    code, out, err = run("live")
    assert (code, out) == (kind.exit_code, "")
    assert re.fullmatch(r"hft: there: went wrong.*; do this\n", err)


def test_a_bug_keeps_its_traceback(run, called):
    called("hft.trading.launch", "live", ZeroDivisionError())
    code, _, err = run("live")
    assert (code, err.count("\n")) == (ExitCode.INTERNAL, 1)
    assert "ZeroDivisionError" in err


def test_a_missing_package_is_reported_as_such(run, called):
    called("hft.trading.launch", "live", ModuleNotFoundError("No module named 'picows'", name="picows"))
    code, _, err = run("live")
    assert (code, err) == (ExitCode.USAGE, "hft: the package picows is not installed; reinstall hft with `pip install hft`\n")


def test_a_missing_module_of_our_own_is_a_bug(run, called):
    called("hft.trading.launch", "live", ModuleNotFoundError("No module named 'hft.x'", name="hft.x"))
    code, _, err = run("live")
    assert (code, err.count("\n")) == (ExitCode.INTERNAL, 1)
    assert "No module named 'hft.x'" in err


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1m", 60), ("2h", 7200), ("0.5m", 30), ("1.5", 1.5), (" 3 s", 3)]
)
def test_a_duration_has_a_unit_or_is_seconds(run, called, text, seconds):
    calls = called("hft.trading.launch", "live", 0)
    assert run("live", "--duration", text)[0] == 0
    assert calls[0][0][1].duration_s == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "0.01", "1d", "1e3", "inf", "nan", "9" * 400, "1h30m", "٣"])
def test_what_is_no_duration_is_refused(run, text):
    code, out, err = run("live", "--duration", text)
    assert (code, out) == (ExitCode.USAGE, "")
    assert "give 90, 90s, 1m or 2h" in err


def test_a_folder_that_is_not_compiled_says_how_to_build_it(tmp_path):
    """The package's Python alone, as a checkout holds it before the build."""
    here = Path(__file__).parent.parent / "hft"
    shutil.copytree(here, tmp_path / "hft", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    for command in (["-m", "hft", "live"], ["-m", "hft", "backtest", "x.gz"], ["-c", "import hft; hft.OrderBook"]):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode != 0
        last = done.stderr.splitlines()[-1]
        assert f"hft is not compiled in {tmp_path}: build it with `pip install -e .` there" in last
        assert command[0] == "-c" or done.stderr.count("\n") == 1


def test_the_package_says_its_version():
    assert hft.__version__ == VERSION


def test_ctrl_c_before_anything_runs_is_130(run, called):
    called("hft.trading.launch", "live", KeyboardInterrupt())
    assert run("live") == (ExitCode.SIGINT, "", "")


def test_init_check_and_show_agree(run, tmp_path):
    path = tmp_path / "hft.toml"
    assert run("config", "init", str(path)) == (0, f"{path} written\n", "")
    assert run("config", "check", str(path)) == (0, f"{path} is valid\n", "")
    code, shown, _ = run("config", "show", "-c", str(path))
    assert code == 0
    path.write_text(shown)
    assert load(path) == Config()


def test_init_replaces_nothing_unless_forced(run, tmp_path):
    path = tmp_path / "hft.toml"
    path.write_text("mine")
    assert run("config", "init", str(path)) == (ExitCode.USAGE, "", f"hft: {path}: is there already; --force replaces it\n")
    assert path.read_text() == "mine"
    assert run("config", "init", str(path), "--force")[0] == 0
    assert load(path) == Config()


def test_init_where_no_file_can_be(run, tmp_path):
    path = tmp_path / "no" / "hft.toml"
    assert run("config", "init", str(path)) == (ExitCode.USAGE, "", f"hft: {path}: can't be written: No such file or directory\n")


def test_a_command_s_module_holds_one_command_and_no_work():
    """Commands import what works only when they run, so help is instant and loads nothing heavy."""
    code = (
        "import sys, hft.cli; print(sorted(m for m in sys.modules if m.partition('.')[0] in"
        " {'numpy', 'rich', 'aiohttp', 'picows', 'uvloop', 'apsw', 'websockets', 'prometheus_client', 'structlog'}"
        " or m.startswith(('hft._core', 'hft.trading', 'hft.exchange', 'hft.net', 'hft.data', 'hft.venues.binance.',"
        " 'hft.venues.registry'))))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_installed_command_is_this_one():
    done = subprocess.run([sys.executable, "-m", "hft", "config", "show", "--set", "nope=1"], capture_output=True, text=True)
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.startswith("hft: command line: unknown key nope; known here: strategy")


def test_a_reader_that_leaves_early_is_no_error():
    shell = f"{sys.executable} -m hft config show | head -n 1"
    done = subprocess.run(shell, shell=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[strategy]\n", "")
