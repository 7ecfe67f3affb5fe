"""`python -m hft.exchange '<settings as JSON>'`: the process that `hft live` starts; its parent's end is its own."""

import sys

import msgspec

from hft.config import Config
from hft.exchange.server import run

if __name__ == "__main__":
    sys.exit(run(msgspec.json.decode(sys.argv[1], type=Config), watch_stdin=True))
