"""What the parent of a run asks the engine's process to do."""

from __future__ import annotations

import msgspec

from hft.config import Config, LiveOptions


class Job(msgspec.Struct, frozen=True):
    """One run."""

    config: Config
    options: LiveOptions
    rest_url: str = ""
    """Of a venue at these addresses instead of the configured one."""
    ws_url: str = ""
    dialect: str = ""
    console: bool = True
    """Log to stderr as well; not beneath a terminal view."""
