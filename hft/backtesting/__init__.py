"""Backtests: the same engine over recorded data of any kind, and event files, the form that is fastest to read."""
