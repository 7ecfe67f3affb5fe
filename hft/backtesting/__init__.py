"""Backtests: the same engine over recorded data of any kind, and two runs compared."""
