"""Numbers for people."""

from __future__ import annotations

import pytest

from swath.scene.words import ground_words, many, percent


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


@pytest.mark.parametrize(
    ("count", "what", "words"),
    [
        (1, "scene", "1 scene"),
        (2000, "scene", "2,000 scenes"),
        (0, "class", "0 classes"),
        (1, "class", "1 class"),
        (2, "patch", "2 patches"),
        (2, "box", "2 boxes"),
        (3, "entry", "3 entries"),
        (3, "day", "3 days"),
    ],
)
def test_counts(count: int, what: str, words: str) -> None:
    assert many(count, what) == words


def test_a_plural_of_its_own() -> None:
    assert [many(n, "line or point", "lines and points") for n in (1, 2)] == ["1 line or point", "2 lines and points"]
