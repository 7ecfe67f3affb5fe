"""What live runs and backtests share: settings to an engine, the summary, the rows of every snapshot interval."""
