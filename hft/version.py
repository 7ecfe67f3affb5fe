"""The version of this package, once."""

VERSION = "0.1.0"

STATE = 3
"""Version of the state hash, raised whenever the engine's structs change. A recording has the version of its hashes; hashes of
different versions are not compared."""
