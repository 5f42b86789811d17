"""Units without names against classes: held against scikit-learn, and against naming them by trying all."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn import metrics as sklearn

from swath.data import IGNORE
from swath.tasks.agreement import Agreement, matched
from swath.tasks.metrics_of_units import NO_CLASS, UnitMetrics

RANDOM = np.random.default_rng(3)
NAMES = ("water", "trees", "roofs")


def drawn(classes: int, units: int, size: int, share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels, and units that are `5 * label` modulo their number in a share of the pixels."""
    labels = RANDOM.integers(0, classes, size)
    return labels, np.where(RANDOM.random(size) < share, 5 * labels % units, RANDOM.integers(0, units, size))


def table(labels: NDArray[np.int64], units: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.int64]:
    counts = np.zeros(shape, np.int64)
    np.add.at(counts, (labels, units), 1)
    return counts


@pytest.mark.parametrize(("classes", "units", "share"), [(3, 4, 0.7), (4, 3, 0.5), (3, 3, 1.0), (3, 6, 0.0), (2, 1, 0)])
def test_scores_are_those_of_scikit_learn(classes: int, units: int, share: float) -> None:
    labels, answers = drawn(classes, units, 2000, share)
    counts = table(labels, answers, (classes, units))
    found = Agreement.of(counts)
    assert found.rand == pytest.approx(sklearn.adjusted_rand_score(labels, answers), abs=1e-9)
    assert found.information == pytest.approx(sklearn.normalized_mutual_info_score(labels, answers), abs=1e-9)
    assert found.purity == pytest.approx(
        sum(np.bincount(labels[answers == u]).max(initial=0) for u in range(units)) / 2000
    )
    spare = range(classes, classes + max(0, units - classes))
    best = max(
        sum(counts[k, u] for u, k in enumerate(order) if k < classes)
        for order in itertools.permutations((*range(classes), *spare), units)
    )
    assert found.confusion.accuracy == pytest.approx(best / 2000)
    assert found.confusion.labelled[:classes].tolist() == counts.sum(1).tolist()
    named = np.append(matched(counts), IGNORE)[answers]
    np.testing.assert_array_equal(
        found.confusion.counts, sklearn.confusion_matrix(labels, named, labels=range(classes + 1))
    )


def test_a_unit_that_no_class_is_left_for_is_wrong_and_no_class_has_two() -> None:
    counts = np.array([[60, 30, 0], [0, 4, 6]])
    assert matched(counts).tolist() == [0, 2, 1]
    found = Agreement.of(counts)
    assert (found.confusion.accuracy, found.purity) == (0.66, 0.96)
    assert matched(np.array([[7], [0]])).tolist() == [0]
    assert matched(np.array([[7, 0], [0, 0]])).tolist() == [0, 2], "nothing in common is no match"


def test_where_there_is_nothing_to_say_there_is_no_score() -> None:
    assert all(
        math.isnan(one) for one in (lambda a: (a.rand, a.information, a.purity))(Agreement.of(np.zeros((3, 2), int)))
    )
    alone = Agreement.of(np.array([[12], [0]]))
    assert math.isnan(alone.rand)
    assert math.isnan(alone.information)
    assert alone.purity == alone.confusion.accuracy == 1
    one = Agreement.of(np.array([[1, 0]]))
    assert math.isnan(one.rand)


def of_scene(labels: NDArray[np.int64], units: NDArray[np.int64], count: int, *, anew: bool) -> UnitMetrics:
    made = UnitMetrics.named(NAMES, 2 if anew else count, anew=anew)
    likely = torch.nn.functional.one_hot(torch.from_numpy(units.reshape(1, 20, -1)), count).movedim(-1, 1).float()
    likely[0, :, 0, :7] = torch.nan
    made.update(likely, torch.from_numpy(labels.reshape(1, 20, -1)))
    return made


def test_units_of_a_scene_are_none_of_the_next() -> None:
    scenes = [drawn(3, units, 2000, share) for units, share in ((3, 0.9), (5, 0.6))]
    scenes[0][0][:100] = IGNORE
    first, second = (of_scene(*one, count, anew=True) for one, count in zip(scenes, (3, 5), strict=True))
    kept = [labels >= 0 for labels, _ in scenes]
    for keep in kept:
        keep[:7] = False
    parts = [(labels[keep], units[keep]) for (labels, units), keep in zip(scenes, kept, strict=True)]
    assert first.compute()["ari"] == pytest.approx(sklearn.adjusted_rand_score(*parts[0]))
    assert int(first.counts.sum()) == len(parts[0][0]) == 1900

    pooled = second.of_row(first.row() + second.row())
    scores, sizes = pooled.compute(), [len(labels) for labels, _ in parts]
    alone = [one.compute() for one in (first, second)]
    for name in ("accuracy", "purity"):
        assert scores[name] == pytest.approx(np.average([one[name] for one in alone], weights=sizes))
    shared = [sklearn.mutual_info_score(*one) * len(one[0]) for one in parts]
    entropies = [sklearn.mutual_info_score(side, side) * len(side) for one in parts for side in one]
    assert scores["nmi"] == pytest.approx(2 * sum(shared) / sum(entropies))
    pairs = [sklearn.pair_confusion_matrix(*one) / 2 for one in parts]
    together, by_class, by_unit, all_of = (
        np.array([one[at].sum() for one in pairs]) for at in (np.s_[1, 1], np.s_[1, :], np.s_[:, 1], np.s_[:, :])
    )
    chance = by_class * by_unit / all_of
    expected = (together - chance).sum() / ((by_class + by_unit) / 2 - chance).sum()
    assert scores["ari"] == pytest.approx(expected)

    merged = first.empty()
    for one in (pickle.loads(pickle.dumps(first)), second):
        merged.merge(one)
    assert merged.compute() == pytest.approx(scores, nan_ok=True)
    assert pooled.classes.names == (*NAMES, NO_CLASS)
    assert set(first.compute()) == set(scores)
    assert not any(NO_CLASS in name for name in scores)


def test_units_that_are_the_same_everywhere_are_matched_once() -> None:
    labels, units = drawn(3, 4, 2000, 0.8)
    halves = [of_scene(labels[at : at + 1000], units[at : at + 1000], 4, anew=False) for at in (0, 1000)]
    pooled = halves[0].of_row(halves[0].row() + halves[1].row())
    keep = np.arange(2000) % 1000 >= 7
    assert pooled.compute()["ari"] == pytest.approx(sklearn.adjusted_rand_score(labels[keep], units[keep]))
    assert pooled.compute()["nmi"] == pytest.approx(sklearn.normalized_mutual_info_score(labels[keep], units[keep]))
    turned = of_scene(labels[1000:], (units[1000:] + 1) % 4, 4, anew=False)
    assert turned.compute() == pytest.approx(halves[1].compute()), "names of units mean nothing within a scene"
    both = halves[0].of_row(halves[0].row() + turned.row())
    assert both.compute()["accuracy"] < 0.8 * pooled.compute()["accuracy"], "between scenes they do"
    assert pooled.named_units(np.array([0, IGNORE]))[1] == IGNORE
