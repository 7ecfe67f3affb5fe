"""The engine's process: ``python -m hft.trading.engine_process``, started by `hft.trading.launch`, runs one session.

It gets its job from its parent, reports to it that it is ready and the result of the run (`hft.system.parent`), and logs
to stderr. When the parent dies, the run ends as on Ctrl-C.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from functools import partial

import uvloop

from hft.errors import ExitCode, HftError, Interrupted, Terminated
from hft.log import close_log, get_logger, open_log
from hft.system.job import EngineJob
from hft.system.parent import Parent, child_main
from hft.system.signals import STOPPING, WITHOUT_MEANING, handle
from hft.trading.session import LiveSession

log = get_logger("hft.engine_process")


async def _open(session: LiveSession) -> None:
    """Opens the session unless a stop is requested, as a venue that does not answer must not delay Ctrl-C."""
    opening, stopping = asyncio.ensure_future(session.open()), asyncio.ensure_future(session.stopping.wait())
    await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not opening.done():
        opening.cancel()
        await asyncio.wait({opening})
        raise (Interrupted if session.stopped_by == "SIGINT" else Terminated)("stopped before the run began")
    opening.result()


async def run(job: EngineJob, parent: Parent) -> ExitCode:
    """Runs one session from start to end and reports the result to the parent."""
    session = LiveSession(job)
    handle(session.stop, log.warning)
    parent.watch(partial(session.stop, "the end of its parent"), session.stop)
    try:
        await _open(session)
        parent.report(ready=True, run_id=session.opened.run_id, page=session.page.path, database=session.writer.path)
        await session.run()
        summary = await session.finish()
        parent.report(summary=summary.to_json())
        if session.failure is not None:
            parent.report(error=session.describe_failure())
        return session.exit_code
    finally:
        await session.close()


def main(parent: Parent) -> int:
    """``python -m hft.trading.engine_process``: runs one job from the parent; returns the exit code."""
    job = parent.job(EngineJob)
    path = job.config.strategy.persistence.beside(".log")
    try:
        open_log(path, job.config.logging, sys.stderr if job.console else None)
        return int(uvloop.run(run(job, parent)))
    except HftError as error:
        parent.report(error=str(error))
        return int(error.exit_code)
    except Exception as error:
        log.error("the engine failed", exc_info=error)
        parent.report(error=f"{type(error).__name__}: {error}; its traceback is in {path}")
        return int(ExitCode.INTERNAL)
    finally:
        for number in (*STOPPING, *WITHOUT_MEANING):
            signal.signal(number, signal.SIG_IGN)       # the loop that handled them is gone; the log is still being written
        close_log()


if __name__ == "__main__":
    sys.exit(child_main(main))
