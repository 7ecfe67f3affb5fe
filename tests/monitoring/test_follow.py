"""A reader of the state page while engines come and go: one is followed by the next, whatever it does to the page."""

import io
import subprocess
import sys
import threading
import time

import pytest
from rich.console import Console

from hft._core.record.pagefile import SETTING_UP
from hft.errors import UsageError
from hft.monitoring import page
from hft.monitoring.page import PageReader, open_page
from hft.monitoring.view import View
from hft.monitoring.watch import _draw
from tests.monitoring.conftest import BTC, Engine, busy
from tests.trading.processes import ENVIRONMENT, ROOT, started

SUCCEED = """
import sys
from tests.monitoring.conftest import BTC, ETH, Engine
from hft._core.base.types import Spec
start, more = 1_790_000_000_000_000_000, [Spec(f"A{i}USDT", tick="0.1", step="0.001") for i in range(60)]
for i in range(1, 400):
    Engine(sys.argv[1], more if i % 2 else [BTC], start_ns=start + i).page.close()
"""


def test_one_engine_after_another_is_followed(engine, path):
    """With more symbols and with fewer, while the page is read: no read sees one that is half set up, or past its end."""
    engine.page.close()
    reader = PageReader(path)
    seen = set()
    with subprocess.Popen([sys.executable, "-c", SUCCEED, path], cwd=ROOT, env=ENVIRONMENT) as engines:
        while engines.poll() is None:
            state = reader.read(wait_s=30)
            seen.add(len(state.symbols))
            assert all(each.name for each in state.symbols)
            assert len(state.symbols) in (1, 2, 60)
    assert engines.returncode == 0
    assert 60 in seen, seen
    assert len(seen) > 1, seen


def test_a_page_in_another_s_place_is_followed(engine, path):
    reader = PageReader(path)
    path.unlink()
    assert reader.read().run_id == "20260921T141320Z-7"      # what it left
    second = Engine(path, [BTC], start_ns=engine.start_ns + 1)
    assert len(reader.read().symbols) == 1
    second.page.close()


def test_the_orders_of_one_run_are_not_shown_as_those_of_the_next(engine, path):
    busy(engine)
    view, reader = View(), PageReader(path)

    def shown():
        return "\n".join(line.plain for line in view.lines(reader.read(), 100, 60))

    assert "7.41" in shown()
    engine.page.close()
    following = Engine(path, start_ns=engine.start_ns + 1)
    following.page.set_run(8, "20260921T141330Z-8")
    assert "20260921T141330Z-8" in shown()
    assert "7.41" not in shown()
    following.page.close()


def test_a_page_that_an_engine_is_setting_up_is_reported_and_tried_again(engine, path):
    reader = PageReader(path)
    whole = path.read_bytes()
    with open(path, "r+b") as file:
        file.write(SETTING_UP)
    with pytest.raises(UsageError, match="being set up"):
        reader.read()
    with open(path, "r+b") as file:
        file.write(whole[:8])
    assert reader.read().strategy == "imbalance_v1"


def test_a_page_that_is_taken_over_as_it_is_opened_is_shown_when_it_is_whole(engine, path, monkeypatch):
    """Never as the page of an engine that has no symbols and does not run."""
    whole = path.read_bytes()
    timers = []

    def write(content):
        with open(path, "r+b") as file:
            file.write(content)

    def opened(*arguments, **options):
        found = open_page(*arguments, **options)
        if not timers:
            write(SETTING_UP + bytes(504))      # the header: that of an engine that sets it up, before it says anything
            timers.append(threading.Timer(0.2, write, [whole[:512]]))
            timers[0].start()
        return found

    monkeypatch.setattr(page, "open_page", opened)
    assert len(PageReader(path).read(wait_s=30).symbols) == 2
    timers[0].join()


def test_a_page_that_cannot_be_read_in_another_s_place_is_reported_at_every_read(engine, path):
    """Until there is one that can be: the page of the engine before would be shown for ever."""
    reader = PageReader(path)
    path.unlink()
    path.write_bytes(b"no page" * 1000)
    for _ in range(3):
        with pytest.raises(UsageError, match="too few for a state page"):
            reader.read()
    path.unlink()
    second = Engine(path, [BTC], start_ns=engine.start_ns + 1)
    assert len(reader.read().symbols) == 1
    second.page.close()


def test_a_view_of_a_page_that_cannot_be_read_says_so_after_a_while(engine, path):
    console = Console(file=io.StringIO(), force_terminal=True, width=250, height=30)
    give_up = time.monotonic() + 60

    def running():
        if not path.read_bytes().startswith(b"no page"):
            path.unlink()
            path.write_bytes(b"no page" * 1000)
        assert time.monotonic() < give_up
        return "not up to date" not in console.file.getvalue()

    _draw(PageReader(path), console, running)
    assert "too few for a state page" in console.file.getvalue()


def test_lines_into_a_pipe_say_that_the_page_cannot_be_read(engine, path):
    arguments = ["watch", "--set", f"strategy.persistence.database_path={path.with_suffix('.db')}"]
    with started(*arguments, cwd=path.parent) as process:
        assert "BTCUSDT" in process.stdout.readline()
        path.unlink()
        path.write_bytes(b"no page" * 1000)
        lines = iter(process.stdout.readline, "")
        assert next(line for line in lines if "too few for a state page" in line).startswith("2")


def test_the_view_lives_on_while_a_page_is_set_up(engine, path):
    views = []

    def running():
        views.append(len(views))
        if len(views) == 2:
            with open(path, "r+b") as file:
                file.write(SETTING_UP)
        return len(views) < 4

    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=30)
    _draw(PageReader(path), console, running)
    assert len(views) == 4
    assert "imbalance_v1" in console.file.getvalue()
