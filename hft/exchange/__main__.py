"""`python -m hft.exchange`: the process that `hft live` starts and gives its settings; it ends with its parent."""

import sys

from hft.system.parent import Parent, child_main


def main(parent: Parent) -> int:
    """One exchange, by the settings from the parent."""
    from hft.config import Config
    from hft.exchange.server import run

    return run(parent.job(Config), parent=parent)


if __name__ == "__main__":
    sys.exit(child_main(main))
