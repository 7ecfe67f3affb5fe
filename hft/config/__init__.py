"""Settings: one TOML file, read exactly, every error one line that names file, key, value and what is allowed.

What holds, first to last: the built-in defaults, the file, `--set key=value`, the command's own options.
"""

from hft.config.check import misnamed, unlimited
from hft.config.loader import load, parse_assignment, read_section, read_toml
from hft.config.options import LiveOptions
from hft.config.secret import Secret
from hft.config.sections import (
    Broker,
    Config,
    EngineSettings,
    Exchange,
    FeedSettings,
    Logging,
    Monitoring,
    Params,
    Performance,
    Persistence,
    Recording,
    RiskLimits,
    SignalSettings,
    Strategy,
    SymbolRules,
)
from hft.config.toml import template, to_toml, write_template
from hft.config.values import Section

__all__ = [
    "Broker",
    "Config",
    "EngineSettings",
    "Exchange",
    "FeedSettings",
    "LiveOptions",
    "Logging",
    "Monitoring",
    "Params",
    "Performance",
    "Persistence",
    "Recording",
    "RiskLimits",
    "Secret",
    "Section",
    "SignalSettings",
    "Strategy",
    "SymbolRules",
    "load",
    "misnamed",
    "parse_assignment",
    "read_section",
    "read_toml",
    "template",
    "to_toml",
    "unlimited",
    "write_template",
]
