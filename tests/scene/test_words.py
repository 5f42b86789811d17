"""Numbers for people."""

from __future__ import annotations

import pytest

from swath.scene.words import ground_words, percent


@pytest.mark.parametrize(
    ("length", "words"),
    [(0.05, "5 cm"), (0.3, "30 cm"), (9.9834, "9.98 m"), (20, "20 m"), (1370, "1.37 km"), (5e6, "5000 km")],
)
def test_lengths(length: float, words: str) -> None:
    assert ground_words(length) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (1e-6, "< 0.1 %"), (0.0012, "0.1 %"), (0.5, "50.0 %"), (0.99999, "> 99.9 %"), (1, "100 %")],
)
def test_shares(share: float, words: str) -> None:
    assert percent(share) == words
