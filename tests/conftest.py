"""Where tests find their imagery: a few real files beside them, and more where SWATH_TEST_DATA points."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent

# Two test processes on two cores: more threads than that wait for one another, up to twenty times as long. To be said
# before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A machine that does other things besides is no mistake.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def own_data() -> Path:
    """Small real files that live in the repository."""
    return HERE / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The larger collection of real imagery, where there is one."""
    root = os.environ.get("SWATH_TEST_DATA")
    if not root or not (Path(root) / "data").is_dir():
        pytest.skip("SWATH_TEST_DATA does not name a folder that holds data/")
    return Path(root) / "data"
