"""`python -m hft.monitoring`: the monitor as `hft live` starts it; it ends with its parent."""

import sys

from hft.system.parent import Parent, child_main


def main(parent: Parent) -> int:
    """Runs one job from the parent."""
    from hft.monitoring.server import run
    from hft.system.job import MonitorJob

    job = parent.job(MonitorJob)
    return run(job.page, job.host, job.port, parent=parent)


if __name__ == "__main__":
    sys.exit(child_main(main))
