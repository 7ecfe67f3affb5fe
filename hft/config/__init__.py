"""Settings: one TOML file, read exactly, every error one line that names file, key, value and what is allowed.

Sources, each overriding the one before: the built-in defaults, the file, `--set key=value`, the command's own options.
"""

from hft.config.check import misnamed, unlimited
from hft.config.limits import RiskLimits
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
    Performance,
    Persistence,
    Recording,
    StrategySettings,
    SymbolRules,
)
from hft.config.strategies import FeatureParams, ImbalanceParams, QuoterParams
from hft.config.toml import template, to_toml, write_template
from hft.config.values import Section

__all__ = [
    "Broker", "Config", "EngineSettings", "Exchange", "FeatureParams", "FeedSettings", "ImbalanceParams", "LiveOptions",
    "Logging", "Monitoring", "Performance", "Persistence", "QuoterParams", "Recording", "RiskLimits", "Secret", "Section",
    "StrategySettings", "SymbolRules", "load", "misnamed", "parse_assignment", "read_section", "read_toml", "template", "to_toml",
    "unlimited", "write_template",
]
