"""The threshold of the best F1, against scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from sklearn.metrics import f1_score

from swath.data.sample import IGNORE
from swath.tasks.threshold import ENOUGH, STEPS, YesCounts


def rare() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    wanted = (random.random((2, 50, 40)) < 0.04).astype(np.int64)
    likely = np.clip(0.2 * wanted + 0.15 * random.random(wanted.shape), 0, 1).astype(np.float32)
    return likely, wanted


def best_threshold(answers: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    counts = YesCounts()
    for likely, wanted in answers:
        counts.update(likely, wanted)
    return counts.best()


def test_it_is_next_to_one_half_of_those_that_trying_all_finds_good() -> None:
    likely, wanted = rare()
    tried = {
        step: f1_score(wanted.ravel(), likely.astype(float).ravel() > step / STEPS, zero_division=0)
        for step in range(1, STEPS)
    }
    found = round(best_threshold([(likely, wanted)]) * STEPS)
    assert found < 30
    enough = [step for step, f1 in tried.items() if f1 >= max(tried.values()) - ENOUGH]
    assert found == min(enough, key=lambda step: abs(step - STEPS // 2))
    assert tried[found] > tried[STEPS // 2]


def test_batches_add_up_and_what_is_not_labelled_or_not_answered_does_not_count() -> None:
    likely, wanted = rare()
    whole = best_threshold([(likely, wanted)])
    assert best_threshold(zip(likely, wanted, strict=True)) == whole
    noise, blind = np.full_like(likely[0], 0.9), np.full_like(likely[0], np.nan)
    unlabelled = np.full_like(wanted[0], IGNORE)
    assert best_threshold([(likely, wanted), (noise, unlabelled), (blind, 1 - wanted[0])]) == whole


@pytest.mark.parametrize(("yes", "found"), [(0.0, 0.5), (1.0, 0.5), (0.6, 0.5), (0.3, 0.29)])
def test_answers_that_are_all_alike(yes: float, found: float) -> None:
    wanted = np.array([1, 1, 0])
    assert best_threshold([(np.where(wanted, yes, 0.0), wanted)]) == found


def test_without_a_yes_it_is_one_half() -> None:
    assert best_threshold([]) == 0.5
    assert best_threshold([(np.array([0.1, 0.7]), np.array([0, 0]))]) == 0.5
