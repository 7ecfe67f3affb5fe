"""A strategy in a file of the user's, by the commands: live, recorded and verified; and every way in which it can fail."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.trading.processes import ROOT, command, hft, summary

QUICK = ("--headless", "--json", "--no-monitor", "--set", "broker.entry_latency_ms=1")
OFTEN = ("--set", "strategy.persistence.snapshot_interval_ms=500", "--set", "strategy.risk_limits.max_orders_per_second=1000")
EXAMPLE = str(ROOT / "examples" / "quoter.py")

FAILING = """
import hft
class Raises(hft.Strategy):
    def on_start(self, ctx):
        ctx.set_timer(0.5)
    def on_timer(self, ctx):
        print("about to fail")
        ctx.buy(0.001)
        raise RuntimeError("no more")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "raises.py").write_text(FAILING)
    (tmp_path / "typo.py").write_text("import hft\nclass Typo(hft.Strategy)\n    pass\n")
    (tmp_path / "missing.py").write_text("import hft\nimport no_such_library\n")
    (tmp_path / "beside.py").write_text("import helper\nimport hft\nclass Beside(hft.Strategy):\n    size = helper.SIZE\n")
    (tmp_path / "helper.py").write_text("SIZE = 1\n")
    return tmp_path


def test_it_trades_live_and_is_verified_without_its_code(tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    source.write_text(Path(EXAMPLE).read_text())
    given = ("--strategy", "mine.py:Quoter", "--set", "strategy.params.size=0.02", "--set", "strategy.params.edge_bps=0")
    live = summary(hft("live", "--duration", "6", *given, *QUICK, *OFTEN, "--record", "run.jsonl", cwd=tmp_path))
    assert (live["strategy_kind"], live["orders"] > 2, live["fills"] > 0) == ("mine.py:Quoter", True, True)
    again = json.loads(command("backtest", "run.jsonl", *given, *OFTEN, "--json", cwd=tmp_path).stdout)
    assert again["orders"] > 2
    source.unlink()
    done = command("verify", "run.jsonl", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["identical"], found["orders"], found["fills"]) == (True, live["orders"], live["fills"])
    assert found["states"] >= 5


@pytest.mark.long
def test_the_steps_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    """From an empty folder: each command of docs/strategies.md as it stands there, but for a shorter live run."""
    (tmp_path / "quoter.py").write_text(Path(EXAMPLE).read_text())
    page = (ROOT / "docs" / "strategies.md").read_text()
    steps = [line.split()[1:] for block in re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S) for line in block.splitlines()]
    assert [step[0] for step in steps] == ["strategy", "live", "backtest", "verify"]
    done = [hft(*("8" if word == "60" else word for word in step), cwd=tmp_path) for step in steps]
    assert [each.returncode for each in done] == [0, 0, 0, 0], [each.stderr for each in done]
    assert "orders         0" not in done[1].stdout + done[2].stdout
    assert done[3].stdout.startswith("identical: ")


def test_where_it_raises_live_the_run_ends_and_loses_nothing(folder: Path) -> None:
    done = hft("live", "--duration", "30", "--strategy", "raises.py:Raises", *QUICK, "--record", "run.jsonl", cwd=folder)
    assert done.returncode == 5
    found = json.loads(done.stdout)
    assert (found["stopped_by"], found["orders"], found["kill_switch"]) == ("a failure", 0, None)
    last = done.stderr.splitlines()[-1]
    assert "raises.py:9: Raises.on_timer raised RuntimeError: no more; its traceback is in" in last
    assert "about to fail" in done.stderr
    log = (folder / "data" / "strategy.log").read_text()
    assert "raises.py" in log
    assert "no more" in log
    assert command("verify", "run.jsonl", cwd=folder).returncode == 0
    assert hft("live", "--duration", "1", *QUICK, cwd=folder).returncode == 0, "nothing is latched"


def test_where_it_raises_in_a_backtest_the_traceback_is_told(folder: Path) -> None:
    summary(hft("live", "--duration", "3", *QUICK, "--record", "run.jsonl", cwd=folder))
    done = command("backtest", "run.jsonl", "--strategy", "raises.py:Raises", cwd=folder)
    assert done.returncode == 5
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].endswith("raises.py:9: Raises.on_timer raised RuntimeError: no more")


@pytest.mark.parametrize(("source", "code", "said"), [
    ("typo.py:Typo", 5, "typo.py:2: importing typo.py raised SyntaxError"),
    ("missing.py:Missing", 5, "missing.py:2: importing missing.py raised ModuleNotFoundError: No module named 'no_such_library'"),
    ("nowhere.py:Quoter", 2, "nowhere.py: no such file; give FILE.py:CLASS or MODULE:CLASS"),
    ("no_such_module:Quoter", 2, "no_such_module: no such module"),
    ("raises.py:Other", 2, "raises.py: has no strategy Other; it has Raises"),
    ("raises.py", 2, '"raises.py" is not allowed; give imbalance, quoter, or a class of yours'),
    ("helper.py:SIZE", 2, "SIZE is no hft.Strategy; subclass hft.Strategy there"),
])
def test_what_is_no_strategy_is_told(folder: Path, source: str, code: int, said: str) -> None:
    done = command("backtest", "run.jsonl", "--strategy", source, cwd=folder)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr.splitlines()[-1]


def test_its_parameters_are_checked_and_shown(folder: Path) -> None:
    shown = command("strategy", "show", f"{EXAMPLE}:Quoter", cwd=folder)
    assert shown.returncode == 0
    assert "size          float, 0.01" in shown.stdout
    assert "called        on_tick" in shown.stdout
    kept = command("config", "show", "--set", f"strategy.kind={EXAMPLE}:Quoter", "--set", "strategy.params.size=0.5", cwd=folder)
    assert "size = 0.5" in kept.stdout
    wrong = command("config", "show", "--set", f"strategy.kind={EXAMPLE}:Quoter", "--set", "strategy.params.sise=0.5", cwd=folder)
    assert wrong.returncode == 2
    assert "[strategy.params]: Object contains unknown field `sise`; its parameters: size, edge_bps, skew_bps" in wrong.stderr


def test_what_lies_beside_its_file_can_be_imported(folder: Path) -> None:
    assert command("strategy", "show", "beside.py:Beside", cwd=folder).returncode == 0


def test_one_object_is_made_for_a_run(folder: Path) -> None:
    """Settings are checked, and capacities computed, without one."""
    (folder / "counts.py").write_text(
        "import hft\nclass Counts(hft.Strategy):\n    def __init__(self, **params):\n        super().__init__(**params)\n"
        "        print('made')\n"
    )
    done = hft("live", "--duration", "1", "--strategy", "counts.py:Counts", *QUICK, cwd=folder)
    assert (done.returncode, (done.stdout + done.stderr).count("made")) == (0, 1)


def test_a_failure_in_its_last_call_is_reported(folder: Path) -> None:
    (folder / "last.py").write_text(
        "import hft\nclass Last(hft.Strategy):\n    def on_stop(self, ctx):\n        raise ValueError('too late')\n"
    )
    done = hft("live", "--duration", "1", "--strategy", "last.py:Last", *QUICK, cwd=folder)
    assert (done.returncode, json.loads(done.stdout)["stopped_by"]) == (5, "duration")
    assert "last.py:4: Last.on_stop raised ValueError: too late" in done.stderr.splitlines()[-1]
