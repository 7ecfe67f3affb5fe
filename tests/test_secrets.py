"""A secret among the settings is in none of the places that settings go to, but for the pipe to a process of the run."""

from __future__ import annotations

import copy
import io
import json
import logging
import os
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from hft._core.base.types import Spec
from hft._core.record.journal import Journal
from hft.config import Config, LiveOptions, Logging, Recording, Secret, Section, read_section, to_toml
from hft.config.secret import from_parent, from_public, public, to_child
from hft.data.captures import Capture
from hft.data.recorder import Recorder
from hft.data.recording import mark
from hft.errors import ConfigError
from hft.log import close_log, get_logger, open_log
from hft.persistence.reader import RunDatabase
from hft.persistence.writer import Writer
from hft.system.child import Child
from tests.trading.processes import children, started, trading

WORD = "correct-horse-battery-staple"


class Keys(Section, frozen=True):
    """What a venue knows us by."""

    api_key: Annotated[Secret, msgspec.Meta(description="of the account")] = Secret()
    others: tuple[Secret, ...] = ()


class WithKeys(Config, frozen=True):
    """Settings with a secret."""

    keys: Keys = Keys()


CONFIG = WithKeys(keys=Keys(Secret(WORD), (Secret(WORD),)))


@dataclass
class Holder:
    """Somebody's own object, with settings in it."""

    config: Any


def test_no_way_of_printing_shows_it() -> None:
    key = CONFIG.keys.api_key
    as_dict = msgspec.structs.asdict(CONFIG.keys)
    shown = [
        repr(CONFIG), str(CONFIG), f"{CONFIG}", f"{key!r:>40}", f"{key}", str(key), repr([key]),
        repr(Holder(CONFIG)), repr(asdict(Holder(CONFIG))), repr(as_dict), repr(vars(Holder(CONFIG))),
        to_toml(CONFIG), json.dumps(public(CONFIG)), json.dumps(as_dict, default=str),
    ]
    assert not [text for text in shown if WORD in text]
    assert "Secret('***')" in shown[0]
    assert "# api_key is set, and a secret" in to_toml(CONFIG)
    assert 'api_key = ""' in to_toml(WithKeys())


def test_what_does_not_know_secrets_fails_instead_of_showing_them() -> None:
    for dump in (msgspec.json.encode, msgspec.to_builtins, msgspec.msgpack.encode, json.dumps, pickle.dumps):
        with pytest.raises(TypeError) as refused:
            dump(CONFIG.keys if dump is not json.dumps else CONFIG.keys.api_key)
        assert WORD not in str(refused.value)


def test_a_copy_is_the_same_and_a_hash_is_no_key() -> None:
    key = CONFIG.keys.api_key
    assert copy.copy(key) is copy.deepcopy(key) is key
    assert copy.deepcopy(CONFIG) == CONFIG
    assert (key == Secret(WORD), key == WORD, key == Secret("other"), Secret() == Secret("")) == (True, False, False, True)
    assert len({key, Secret(WORD)}) == 1


def test_a_settings_file_may_hold_it_and_a_command_line_may_not() -> None:
    assert read_section(Keys, {"api_key": WORD}, "hft.toml").api_key.reveal() == WORD
    with pytest.raises(ConfigError) as refused:
        read_section(WithKeys, {"keys": {"api_key": WORD}}, "command line")
    assert str(refused.value) == (
        "command line: [keys] api_key: is a secret, which others could see there; give it in a settings file"
    )
    with pytest.raises(ConfigError) as refused:
        read_section(Keys, {"api_key": 31415926}, "hft.toml")
    assert "31415926" not in str(refused.value)
    assert "give text, which is not shown again" in str(refused.value)


def test_a_dump_reads_back_without_it() -> None:
    again = from_public(public(CONFIG), WithKeys)
    assert (again.keys.api_key, again.strategy) == (Secret(), CONFIG.strategy)


class Task(msgspec.Struct, frozen=True):
    """A job like the engine's."""

    config: WithKeys
    options: LiveOptions


def test_a_child_has_it_by_pipe_and_nowhere_else() -> None:
    program = """
import sys
from hft.system.parent import Parent
parent = Parent.of_command_line()
job = parent.job(dict)
parent.report(key=job["config"]["keys"]["api_key"])
sys.stdin.read(), parent.job(dict)
"""
    task = Task(CONFIG, LiveOptions())
    assert from_parent(to_child(task), Task) == task
    child = Child("keeper", ["-c", program], task)
    try:
        assert child.first_report() == {"key": WORD}
        if os.path.exists("/proc/self/environ"):
            of_process = Path(f"/proc/{child.process.pid}")
            assert WORD.encode() not in (of_process / "cmdline").read_bytes() + (of_process / "environ").read_bytes()
    finally:
        child.stop()


def test_database_recording_and_log_do_not_hold_it(tmp_path: Path) -> None:
    journal = Journal(64)
    writer = Writer(tmp_path / "run.db", journal, [Spec("BTCUSDT", tick="0.1", step="0.001")])
    writer.open_run(strategy_id="s", version="1", venue="v", settings=public(CONFIG), started_ns=1)
    writer.start()
    assert writer.stop()
    writer.close()
    with RunDatabase(tmp_path / "run.db") as database:
        assert database.runs()[0].settings["keys"] == {"api_key": "***", "others": ["***"]}

    recorder = Recorder(tmp_path / "run.jsonl", Recording(), 1)
    recorder.mark("run", {"settings": public(CONFIG)}, 1)
    recorder.close(2)
    lines = dict(map(mark, Capture(tmp_path / "run.jsonl")))
    assert lines["run"]["settings"]["keys"]["api_key"] == "***"

    screen = io.StringIO()
    open_log(tmp_path / "run.log", Logging(), screen)
    try:
        get_logger("hft.test").warning("settings", config=CONFIG, key=CONFIG.keys.api_key, nested={"key": CONFIG.keys.api_key})
        logging.getLogger("another").warning("settings %s %r", CONFIG, CONFIG.keys.api_key)
        try:
            raise ValueError(CONFIG.keys.api_key)
        except ValueError:
            get_logger("hft.test").exception("it failed")
    finally:
        close_log()
    assert screen.getvalue().count("***") >= 5
    for path in tmp_path.iterdir():
        assert WORD.encode() not in path.read_bytes(), path
    assert WORD not in screen.getvalue()


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="looks into /proc")
def test_settings_of_a_run_stand_on_no_command_line_and_in_no_environment(tmp_path: Path) -> None:
    (tmp_path / "hft.toml").write_text(f'[strategy]\nstrategy_id = "{WORD}"\n[monitoring]\nport = 0\n')
    with started("live", "--headless", "--json", "--config", "hft.toml", cwd=tmp_path) as process:
        trading(tmp_path)
        family = children(process.pid)
        assert len(family) >= 2
        for pid in family:
            of_process = Path(f"/proc/{pid}")
            assert WORD.encode() not in (of_process / "cmdline").read_bytes() + (of_process / "environ").read_bytes()


def test_settings_built_in_python_may_hold_secrets_as_secrets_or_as_text():
    assert read_section(Keys, {"api_key": Secret(WORD)}, "Config") == Keys(Secret(WORD))
    assert read_section(Keys, {"api_key": WORD}, "Config") == Keys(Secret(WORD))
    with pytest.raises(ConfigError):
        read_section(Keys, {"api_key": 7}, "Config")
