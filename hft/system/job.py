"""What the parent of a run asks of the processes that it starts."""

from __future__ import annotations

import msgspec

from hft.config import Config, LiveOptions


class EngineJob(msgspec.Struct, frozen=True):
    """The engine's: one run."""

    config: Config
    options: LiveOptions
    rest_url: str = ""
    """Of a venue at these addresses instead of the configured one."""
    ws_url: str = ""
    protocol: str = ""
    console: bool = True
    """Log to stderr as well; not beneath a terminal view."""


class MonitorJob(msgspec.Struct, frozen=True):
    """The monitor's: which page to serve, and where."""

    page: str
    host: str
    port: int | None
    """None: 9464, or a free one where that is in use."""
