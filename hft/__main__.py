"""``python -m hft``: the same as the command ``hft``."""

from hft.cli import main

main()
