"""Faults over real sockets: what a client meets, held against the true stream of another."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from itertools import pairwise

import aiohttp
import pytest
import websockets

from hft.exchange.fault_edits import MALFORMED
from hft.exchange.fault_plan import Drop, FaultPlan
from hft.exchange.faults import Scheduled
from tests.exchange.client import API, exchange, get
from tests.exchange.sessions import everything, record
from tests.trading.processes import ENVIRONMENT, HFT, hft, started


@pytest.fixture
def plan(tmp_path):
    """Writes a fault file: `plan(dict(kind=…), …)`."""

    def write(*faults, seed=7):
        lines = [f"seed = {seed}"]
        for fault in faults:
            lines += ["[[fault]]", *(f"{key} = {json.dumps(value)}" for key, value in fault.items())]
        path = tmp_path / "rough.toml"
        path.write_text("\n".join(lines), "utf-8")
        return path

    return write


async def report(served):
    async with aiohttp.ClientSession() as session, session.get(served["rest"] + "/faults") as answer:
        return await answer.json()


@contextlib.asynccontextmanager
async def heard(served, path):
    """The messages of a connection as they come in; None marks its end."""
    messages = []

    async def listen():
        async with websockets.connect(served["ws"] + path, compression=None, max_queue=None, max_size=None) as socket:
            with contextlib.suppress(websockets.ConnectionClosed):
                async for message in socket:
                    messages.append(message)
            messages.append(None)

    task = asyncio.create_task(listen())
    try:
        yield messages
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(condition, polls=4000):
    for _ in range(polls):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("never happened")


@contextlib.asynccontextmanager
async def both(plan_file, stream="btcusdt@depth@0ms", **settings):
    """What a client meets, and the true stream beside it."""
    async with (
        exchange(faults=plan_file, **settings) as served,
        heard(served, f"/ws/{stream}?faults=off") as true,
    ):
        await until(lambda: len(true) > 3)
        async with heard(served, f"/ws/{stream}") as met:
            yield served, met, true


# -- messages ------------------------------------------------------------------------------------------------------------


async def test_dropped_messages_are_the_ones_missing_and_no_others(plan):
    file = plan(dict(kind="drop", at_s=0.3), dict(kind="gap", at_s=0.8, count=4))
    async with both(file) as (served, met, true):
        await until(lambda: len(met) > 30)
        await until(lambda: true[-1] >= met[-1])
        reported = await report(served)
        shared = true[true.index(met[0]) : true.index(met[-1]) + 1]
        assert len(shared) - len(met) == 5
        assert [message for message in shared if message in set(met)] == met
    assert reported["injected"] == {"drop": 1, "gap": 4}


async def test_a_message_comes_twice_and_one_is_overtaken(plan):
    file = plan(dict(kind="duplicate", at_s=0.3, copies=2), dict(kind="reorder", at_s=0.8, distance=3))
    async with both(file) as (served, met, true):
        await until(lambda: len(met) > 30)
        assert (await report(served))["injected"] == {"duplicate": 1, "reorder": 1}
        ids = [json.loads(message)["u"] for message in met]
    assert len(ids) - len(set(ids)) == 2
    back = [n for n, (earlier, later) in enumerate(pairwise(ids)) if later < earlier]
    assert len(back) == 1
    assert ids[back[0] + 1] < ids[back[0] - 2]      # three went before it
    assert sorted(set(ids)) == sorted({json.loads(message)["u"] for message in true} & set(ids))


@pytest.mark.parametrize("shape", MALFORMED)
async def test_a_frame_that_can_t_be_used_takes_the_place_of_one_or_comes_beside_it(shape, plan):
    file = plan(dict(kind="malformed", shape=shape, at_s=0.2), dict(kind="malformed", shape=shape, at_s=0.6, beside=True))
    async with both(file) as (served, met, true):
        await until(lambda: len(met) > 25)
        await until(lambda: true[-1] >= met[-1])
        assert (await report(served))["injected"] == {"malformed": 2}
        bad = [message for message in met if message not in set(true)]
        sound = [message for message in met if message in set(true)]
    shared = true[true.index(met[0]) : true.index(met[-1]) + 1]
    assert len(bad) == 2
    assert len(shared) - len(sound) == 1            # the first took one's place
    assert isinstance(bad[0], bytes) == (shape == "binary")


async def test_a_crossed_update_crosses(plan):
    async with both(plan(dict(kind="crossed", at_s=0.3))) as (_, met, true):
        await until(lambda: any(message not in set(true) for message in met[:-3]))
        (odd,) = [json.loads(message) for message in met[:-3] if message not in set(true)]
    assert odd["b"][0] in odd["a"]


@pytest.mark.parametrize("kind", ["fragments", "one_write"])
async def test_how_messages_are_cut_into_frames_and_writes_changes_nothing(kind, plan):
    async with both(plan(dict(kind=kind, probability=1.0, count=4)), "btcusdt@bookTicker") as (served, met, true):
        await until(lambda: len(met) > 200)
        await until(lambda: met[-1] in true)
        assert met == true[true.index(met[0]) : true.index(met[-1]) + 1]
        assert (await report(served))["injected"][kind] >= 200


async def test_a_frame_of_many_megabytes(plan):
    async with both(plan(dict(kind="oversize", at_s=0.2, bytes=64_000_000))) as (_, met, _true):
        await until(lambda: any(len(message) == 64_000_000 for message in met))


# -- connections ---------------------------------------------------------------------------------------------------------


async def test_a_cut_is_a_reset_and_the_spared_client_goes_on(plan):
    async with both(plan(dict(kind="cut", at_s=0.4))) as (served, met, true):
        await until(lambda: met and met[-1] is None)
        n = len(true)
        await until(lambda: len(true) > n + 5)
        assert (await report(served))["injected"] == {"cut": 1}


async def test_a_stall_holds_everything_back_and_loses_nothing(plan):
    async with both(plan(dict(kind="stall", at_s=0.3, for_s=0.7))) as (served, met, true):
        await until(lambda: len(true) > 8 and len(true) - len(met) > 14)        # twenty a second
        assert (await report(served))["injected"] == {"stall": 1}
        await until(lambda: len(met) > 30)
        await until(lambda: true[-1] >= met[-1])
        assert met == true[true.index(met[0]) : true.index(met[-1]) + 1]


@pytest.mark.parametrize("deaf", [False, True])
async def test_while_it_stalls_requests_are_answered_unless_it_is_deaf(deaf, plan):
    async with (
        exchange(faults=plan(dict(kind="stall", at_s=0.0, for_s=3.0, deaf=deaf))) as served,
        websockets.connect(served["ws"] + "/ws", compression=None) as socket,
    ):
        while not (await report(served))["injected"]:
            await asyncio.sleep(0.01)
        pong = await socket.ping()
        answered = (await asyncio.wait({asyncio.ensure_future(pong)}, timeout=0.5))[0]
        assert bool(answered) is not deaf
        await asyncio.wait_for(pong, 10)        # in the end it is


@pytest.mark.parametrize("path", ["/ws/btcusdt@trade", "/stream?streams=btcusdt@trade"])
@pytest.mark.parametrize("form", ["auto", "raw", "combined", "event"])
async def test_the_end_is_announced_and_comes(form, path, plan):
    async with exchange(faults=plan(dict(kind="shutdown", at_s=0.1, form=form, lead_s=0.2))) as served:
        messages, code = await everything(served, path)
    assert code == 1001
    (notice,) = [json.loads(message) for message in messages if "serverShutdown" in message]
    wanted = form if form != "auto" else "combined" if "stream?" in path else "raw"
    assert set(notice) == {"raw": {"e", "E"}, "combined": {"stream", "data"}, "event": {"event"}}[wanted]


def test_an_exchange_ends_although_it_has_announced_to_go_later(plan, tmp_path):
    rough = plan(dict(kind="shutdown", at_s=0.1, lead_s=3600))
    with started("sim", "--faults", str(rough), cwd=tmp_path) as process:
        served = json.loads(process.stdout.readline())

        async def reported():
            async with heard(served, "/ws/btcusdt@trade") as messages:
                await until(lambda: any("serverShutdown" in message for message in messages))
                process.send_signal(signal.SIGTERM)
                await until(lambda: messages[-1] is None)

        asyncio.run(reported())
        process.communicate(timeout=20)
    assert process.returncode == 143


@pytest.mark.parametrize("how", ["reset", "429", "418", "503"])
async def test_connections_are_refused_as_often_as_requested(how, plan):
    async with exchange(faults=plan(dict(kind="refuse", at_s=0.0, count=2, how=how, retry_after_s=3))) as served:
        for _ in range(2):
            with pytest.raises((websockets.InvalidHandshake, ConnectionError, EOFError)) as refused:
                await websockets.connect(served["ws"] + "/ws")
            if how != "reset":
                assert refused.value.response.status_code == int(how)
                assert refused.value.response.headers.get("Retry-After") == {"503": None}.get(how, "3")
        async with websockets.connect(served["ws"] + "/ws"):
            reported = await report(served)
    assert (reported["injected"], reported["handshakes"]) == ({"refuse": 2}, 3)


async def test_stamps_step_and_the_market_does_not(plan):
    file = plan(dict(kind="clock_step", at_s=0.3, step_s=-3600), dict(kind="clock_step", at_s=0.8, step_s=0, unit="us"))
    async with both(file) as (served, met, true):
        await until(lambda: len(met) > 30)
        await until(lambda: true[-1] >= met[-1] or len(true) > len(met) + 8)
        server_time = (await get(served, "/time"))[2]["serverTime"]
        truth = {(event := json.loads(message))["u"]: event for message in true}
        events = [json.loads(message) for message in met]
    off = [event["E"] - truth[event["u"]]["E"] for event in events if event["u"] in truth]
    assert [step for n, step in enumerate(off) if n == 0 or off[n - 1] != step][:2] == [0, -3_600_000]
    assert off[-1] > 10**15
    assert server_time > 10**15
    assert all({**event, "E": 0, "T": 0} == {**truth[event["u"]], "E": 0, "T": 0} for event in events if event["u"] in truth)


# -- REST ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [
        (dict(kind="rate_limit", retry_after_s=7), 429, {"Retry-After": "7"}),
        (dict(kind="ban", retry_after_s=300), 418, {"Retry-After": "300"}),
        (dict(kind="snapshot_error", status=502), 502, {}),
    ],
)
async def test_requests_are_refused_as_often_as_requested(fault, status, headers, plan):
    async with exchange(faults=plan({**fault, "at_s": 0.0, "count": 2})) as served, aiohttp.ClientSession() as session:
        url = served["rest"] + API["binance-usdm"]
        seen = []
        for path in ("/exchangeInfo", "/depth?symbol=BTCUSDT&faults=off", *["/depth?symbol=BTCUSDT"] * 3):
            async with session.get(url + path) as answer:
                seen.append(answer.status)
                if answer.status == status:
                    assert {name: answer.headers.get(name) for name in headers} == headers
        reported = await report(served)
    assert seen == [200, 200, status, status, 200]
    assert reported["injected"] == {fault["kind"]: 2}
    assert reported["early_requests"] == (2 if headers else 0)      # what went on asking did not obey


async def test_an_old_book_has_an_old_id_and_a_slow_one_comes_late(plan):
    file = plan(dict(kind="stale_snapshot", at_s=0.0, count=2, behind=500), dict(kind="slow_snapshot", at_s=0.0, delay_s=0.3))
    async with exchange(faults=file, speed=0.01) as served:
        requests = [asyncio.create_task(get(served, "/depth?symbol=BTCUSDT&limit=5")) for _ in range(3)]
        done, _ = await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) < 3
        ids = sorted([(await each)[2]["lastUpdateId"] for each in requests])
        true = (await get(served, "/depth?symbol=BTCUSDT&limit=5&faults=off"))[2]["lastUpdateId"]
    assert ids[0] <= ids[1] <= max(1, true - 500)
    assert ids[2] > ids[1]


async def test_a_fault_meets_only_the_symbols_that_it_names(plan):
    file = plan(dict(kind="drop", probability=1.0, symbols=["ETHUSDT"]), dict(kind="ban", probability=1.0, symbols=["ETHUSDT"]))
    async with exchange(faults=file, symbols=("BTCUSDT", "ETHUSDT")) as served:
        async with heard(served, "/stream?streams=btcusdt@trade/ethusdt@trade") as met:
            await until(lambda: len(met) > 20)
            assert (await report(served))["injected"]["drop"] > 3
            assert {json.loads(message)["stream"] for message in met} == {"btcusdt@trade"}
        assert (await get(served, "/depth?symbol=BTCUSDT"))[0] == 200
        assert (await get(served, "/depth?symbol=ETHUSDT"))[0] == 418


# -- when ----------------------------------------------------------------------------------------------------------------


async def test_the_same_seed_and_file_do_the_same_to_the_same_session(plan, tmp_path):
    record(tmp_path / "session.gz", "binance-usdm")
    faults = [dict(kind=kind, probability=0.05) for kind in ("drop", "duplicate", "reorder", "malformed")]
    sessions = []
    for seed in (7, 7, 8):
        async with exchange(capture=tmp_path / "session.gz", speed=0.0, faults=plan(*faults, seed=seed)) as served:
            sessions.append((await everything(served, "/stream?streams=btcusdt@depth@0ms/btcusdt@bookTicker"))[0])
    assert len(sessions[0]) > 100
    assert sessions[0] == sessions[1] != sessions[2]


def test_times_follow_the_seed_and_missed_ones_are_one():
    def times(seed):
        scheduled = Scheduled(Drop(every_s=2.0, jitter=0.5), seed, 0)
        return [at / 10 for at in range(600) if scheduled.happens(at / 10)]

    assert times(1) == times(1) != times(2)
    assert 20 < len(times(1)) < 40
    assert all(0.9 < later - earlier < 3.2 for earlier, later in pairwise(times(1)))
    late = Scheduled(Drop(every_s=2.0, count=3), 1, 0)
    assert [late.meets(1000.0) for _ in range(5)] == [True] * 3 + [False] * 2


def test_a_window_meets_everything_within_it():
    scheduled = Scheduled(Drop(at_s=1.0, for_s=2.0), 1, 0)
    assert [scheduled.meets(at) for at in (0.5, 1.0, 2.9, 3.0)] == [False, True, True, False]


def test_a_fault_more_in_the_file_changes_nothing_about_the_others():
    faults = (Drop(probability=0.5), Drop(probability=0.1))
    drawn = [[Scheduled(plan.faults[0], plan.seed, 0).drawn() for _ in range(9)]
             for plan in (FaultPlan(3, faults), FaultPlan(3, faults[:1]))]
    assert drawn[0] == drawn[1]


# -- as a process ----------------------------------------------------------------------------------------------------------


def test_it_reports_what_it_injects_and_what_it_has(plan, tmp_path):
    file = plan(dict(kind="clock_step", at_s=0.0), dict(kind="rate_limit", at_s=0.0))
    with started("sim", "--faults", str(file), cwd=tmp_path) as process:
        at = json.loads(process.stdout.readline())

        async def visit():
            async with websockets.connect(at["ws"] + "/ws"):
                await get(at, "/depth?symbol=BTCUSDT")
                while "clock_step" not in (await report(at))["injected"]:
                    await asyncio.sleep(0.01)

        asyncio.run(visit())
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 143
    *lines, last = err.splitlines()
    assert sorted(line.split(": ")[2] for line in lines) == ["clock_step", "rate_limit"]
    assert json.loads(last.removeprefix("hft sim: faults: "))["injected"] == {"clock_step": 1, "rate_limit": 1}


@pytest.mark.parametrize("command", [("sim", "--faults"), ("live", "--headless", "--no-monitor", "--set")])
def test_a_file_that_makes_no_sense_is_one_line(command, plan, tmp_path):
    file = plan(dict(kind="stal", at_s=1))
    *options, last = command
    given = [last, str(file)] if last == "--faults" else [last, f"exchange.faults={file}"]
    done = hft(*options, *given, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [f"hft sim: {file}: [fault 1]: unknown kind stal; did you mean stall?"]


def test_an_exchange_whose_faults_can_t_go_on_ends(plan, tmp_path):
    """Told on a stderr that nobody reads any more, the first of them fails: without faults it would pass for a sound exchange."""
    rough = plan(dict(kind="clock_step", at_s=0.1, step_s=1))
    reading, stderr = os.pipe()
    process = subprocess.Popen(
        [*HFT, "sim", "--faults", str(rough)], stdout=subprocess.PIPE, stderr=stderr, cwd=tmp_path, env=ENVIRONMENT, text=True
    )
    os.close(stderr)
    try:
        served = json.loads(process.stdout.readline())
        os.close(reading)

        async def reported():
            async with heard(served, "/ws/btcusdt@trade") as messages:
                await until(lambda: messages and messages[-1] is None)

        asyncio.run(reported())
        assert process.wait(timeout=20) not in (0, None)
    finally:
        process.kill()
        process.communicate(timeout=20)
