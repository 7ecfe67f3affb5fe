"""The monitor as `hft live` starts it, in a process of its own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from hft.system.child import Child
from hft.system.job import MonitorJob

MONITOR = ["-m", "hft.monitoring"]


@contextlib.contextmanager
def monitor(page: Path, host: str = "127.0.0.1", port: int | None = 0) -> Iterator[Child]:
    """It has its job; ended with the context."""
    child = Child("monitor", MONITOR, MonitorJob(str(page), host, port))
    try:
        yield child
    finally:
        child.stop()


def address(child: Child) -> str:
    """Where it listens, as soon as it does."""
    where = child.first_report()
    return f"http://{where['host']}:{where['port']}"
