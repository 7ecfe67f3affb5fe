# Compiled callers only: its verbs are in `flow.pxd`, and `hft.exchange.market` shows them to Python.
