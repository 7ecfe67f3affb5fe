"""Shared parts of live runs and backtests: engine from settings, summary, rows of every snapshot interval."""
