from pathlib import Path
from types import ModuleType

import pytest

from tests import compiled


@pytest.fixture(scope="session")
def verbs(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """verbs.pyx, compiled."""
    return compiled.load(Path(__file__).parent / "verbs.pyx", tmp_path_factory)
