"""`python -m hft.exchange`: the process that `hft live` starts and gives its settings; it ends with its parent."""

import sys

from hft.config import Config
from hft.exchange.server import run
from hft.parent import Parent

if __name__ == "__main__":
    parent = Parent.of_command_line()
    sys.exit(run(parent.job(Config), parent=parent))
