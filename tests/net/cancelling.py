"""Cancels a task at the n-th moment at which it waits, or one that it started: for tests of what is left behind."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

_watched = ContextVar("watched", default=False)
"""Inherited by the tasks that a task starts, and so not by those of a server in the same loop."""


class Cancelling:
    """Counts the suspensions of a task and of those that it starts; at the n-th one it is cancelled.

    Parameters
    ----------
    n : int
        From 1.
    late : bool
        Cancel it only when that wait is over, before the waiting task has gone on: what was waited for is there by then, and the
        one who waited never sees it.
    """

    def __init__(self, n: int, late: bool = False) -> None:
        self.n = n
        self.late = late
        self.count = 0
        self._task: asyncio.Task | None = None

    @property
    def reached(self) -> bool:
        return self.count >= self.n

    async def watch(self, work: Coroutine[Any, Any, Any]) -> None:
        """Runs `work` as a task of its own and cancels it; returns once it is over, without a word about how."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(self._make)
        token = _watched.set(True)
        try:
            self._task = loop.create_task(work)
        finally:
            _watched.reset(token)
        await asyncio.wait([self._task])
        loop.set_task_factory(None)

    def _make(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **more: Any) -> asyncio.Task:
        if not _watched.get():
            return asyncio.Task(coroutine, loop=loop, **more)
        task = asyncio.Task(self._counted(coroutine), loop=loop, **more)
        task.add_done_callback(lambda _: coroutine.close())     # cancelled before its first step, the task never began it
        return task

    async def _counted(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return await _Stepped(coroutine, self._suspended)

    def _suspended(self, waited_for: Any) -> None:
        self.count += 1
        if self.count != self.n:
            return
        if self.late and asyncio.isfuture(waited_for):
            waited_for.add_done_callback(lambda _: self._task.cancel())
        else:
            asyncio.get_running_loop().call_soon(self._task.cancel)


class _Stepped:
    """Awaits a coroutine step by step, and tells of each step's end what it waits for."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], suspended: Callable[[Any], None]) -> None:
        self._coroutine = coroutine
        self._suspended = suspended

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Callable[[], Any] = lambda: self._coroutine.send(None)  # noqa: E731
        while True:
            try:
                waited_for = step()
            except StopIteration as over:
                return over.value
            self._suspended(waited_for)
            try:
                value = yield waited_for
                step = lambda value=value: self._coroutine.send(value)  # noqa: E731
            except BaseException as error:
                step = lambda error=error: self._coroutine.throw(error)  # noqa: E731


def sockets() -> int:
    """Sockets that this process has open."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):      # the one that the directory was read by
            count += os.readlink(each).startswith("socket:")
    return count


async def settled(condition: Callable[[], object], what: str) -> None:
    """Fails unless the condition holds within some turns of the loop."""
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(what)


Attempt = Callable[[Cancelling], Awaitable[None]]


async def at_every_await(attempt: Attempt, late: bool) -> int:
    """Makes the attempt again and again, cancelled one wait later each time, until it is over before that; how many waits."""
    n = 0
    while True:
        n += 1
        cancelling = Cancelling(n, late)
        await attempt(cancelling)
        if not cancelling.reached:
            return n - 1
