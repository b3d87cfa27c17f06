"""What every test may ask for: the real-data folder, and markers that follow from where a test reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REAL_DATA = os.environ.get("GRAPHLAB_REAL_DATA")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public connectomes; a test that asks for it is skipped when none is named."""
    if not REAL_DATA:
        pytest.skip("GRAPHLAB_REAL_DATA names no folder")
    folder = Path(REAL_DATA)
    assert folder.is_dir(), f"GRAPHLAB_REAL_DATA={REAL_DATA} is no folder"
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real")
