"""The command line as tests run it: in this process, or in one of its own."""

from __future__ import annotations

import sys
from typing import Any

from typer.testing import CliRunner

from swath.cli import app

MAP = (
    "worldcover_huge_cog/tests/data-files/ESA_WorldCover_10m_2021_v200_N00E006/"
    "ESA_WorldCover_10m_2021_v200_N00E006_Map.tif"
)
"""A real map of 36,000 x 36,000 pixels."""


def run(*arguments: object) -> Any:
    """What `swath ARGUMENTS` gives."""
    return CliRunner().invoke(app, [str(one) for one in arguments])


def command(*arguments: object) -> list[str]:
    """`swath ARGUMENTS` as the system starts it."""
    return [sys.executable, "-c", "from swath.cli import main; main()", *(str(one) for one in arguments)]
