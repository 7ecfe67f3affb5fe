"""Recorded data is read more than once: a pipe is refused at once, and nobody waits for its other end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hft import cli
from hft.data.files import require_no_pipe
from hft.errors import ExitCode, UsageError

COMMANDS = [
    ["backtest", "IT"], ["convert", "IT", "x.events"], ["verify", "IT"], ["sim", "--capture", "IT"],
    ["bench", "tick", "--input", "IT"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_pipe_is_refused_in_one_line(command, tmp_path, capfd):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)                 # nobody will ever write to it
    assert cli.run([word.replace("IT", str(pipe)) for word in command]) == ExitCode.USAGE
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"{pipe}: is a pipe, and recorded data is read more than once; write it to a file, and name that" in err


def test_so_is_the_output_of_a_command():
    shell = f"{sys.executable} -m hft backtest <(echo nothing)"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is a pipe, and recorded data is read more than once" in done.stderr


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero"])
def test_so_is_a_device(name):
    with pytest.raises(UsageError, match="is a device"):
        require_no_pipe(Path(name))


def test_settings_may_come_from_a_pipe():
    shell = f"""{sys.executable} -m hft config show --config <(printf '[strategy]\\nstrategy_id = "piped"\\n')"""
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert 'strategy_id = "piped"' in done.stdout
