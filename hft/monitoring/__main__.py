"""`python -m hft.monitoring`: the monitor as `hft live` starts it; it ends with its parent."""

import sys

from hft.job import MonitorJob
from hft.monitoring.server import run
from hft.parent import Parent

if __name__ == "__main__":
    parent = Parent.of_command_line()
    job = parent.job(MonitorJob)
    sys.exit(run(job.page, job.host, job.port, parent=parent))
