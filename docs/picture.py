"""Draws the README's picture: the terminal view of a run on the embedded exchange, as it was after some seconds.

    python docs/picture.py [seconds]
"""

import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from hft.monitoring.page import PageReader
from hft.monitoring.watch import render

PICTURE = Path(__file__).parent / "assets" / "watch.svg"


def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hft", "live", "--headless", "--no-monitor", "--duration", str(seconds + 2)]
        run = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        console = Console(record=True, width=120, file=io.StringIO())
        console.print(render(PageReader(Path(folder) / "data" / "strategy.state").read(), console.width))
        run.wait()
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(console.export_svg(title="hft live"), encoding="utf-8")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 25.0)
