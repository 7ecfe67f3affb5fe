"""`python -m hft.exchange`: the exchange process that `hft live` starts; it ends with its parent."""

import sys

from hft.system.parent import Parent, child_main


def main(parent: Parent) -> int:
    """Runs one exchange with the parent's settings."""
    from hft.config import Config
    from hft.exchange.server import run

    return run(parent.job(Config), parent=parent)


if __name__ == "__main__":
    sys.exit(child_main(main))
