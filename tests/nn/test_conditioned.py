"""Convolutions normalised by what is to be expected under a question."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from swath.nn.conditioned import CODE, ConditionedConv, Question, code_of

LAND = ("segmentation", "land", "water")
FIRST = [0.5, -0.03247793, 0.07966325, -0.15842310, -0.14521006]


def asked(*words: str, metres: float = 1.0) -> Question:
    return Question(torch.zeros(4), code_of(words, (2 * math.log2(metres),)))


def images(seed: int, gain: float = 1.0, offset: float = 0.0) -> Tensor:
    return torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(seed)) * gain + offset


@pytest.fixture
def conv() -> ConditionedConv:
    torch.manual_seed(0)
    return ConditionedConv(3, 5, 3, 4, rectify=False)


def test_codes_are_alike_where_questions_are() -> None:
    own = code_of(LAND, (2.0,))
    assert own.shape == (CODE + 1,)
    assert float(own.norm()) == pytest.approx(1)
    near, far, other = code_of(LAND, (2.1,)), code_of(LAND, (5.0,)), code_of(("change", "change"), (2.0,))
    assert float(own @ near) > 0.98
    assert float(own @ far) < 0.6
    assert float(own @ other) < 0.6
    assert all(float(code[0]) == 0.5 for code in (own, far, other))


def test_codes_stay_as_they_are() -> None:
    """Files hold what was learnt under them."""
    assert code_of(LAND, (2.0, -1.0)).tolist()[:5] == pytest.approx(FIRST, abs=1e-6)


def test_training_normalises_by_the_batch(conv: ConditionedConv) -> None:
    conv.gain.data.mul_(3)
    answer = conv(images(1, 7.0, 4.0), asked(*LAND))
    torch.testing.assert_close(answer.mean((0, 2, 3)), torch.zeros(5), rtol=0, atol=1e-4)
    torch.testing.assert_close(answer.std((0, 2, 3)), torch.full((5,), 3.0), rtol=0, atol=0.01)


def test_each_question_keeps_what_it_has_seen(conv: ConditionedConv) -> None:
    sets = {asked(*LAND): (9.0, 5.0), asked(*LAND, metres=8.0): (0.2, -1.0), asked("change"): (1.0, 0.0)}
    for n in range(300):
        trained = {question: conv(images(n, *light), question) for question, light in sets.items()}
    conv.eval()
    for question, light in sets.items():
        again = conv(images(299, *light), question)
        assert (again - trained[question]).abs().max() < 0.2
        torch.testing.assert_close(conv(images(299, *light)[:1], question), again[:1])


@pytest.mark.parametrize("known", [1, 4])
def test_a_new_question_gets_what_is_common(conv: ConditionedConv, known: int) -> None:
    questions = (LAND, ("segmentation", "building"), ("change", "change"), ("classification", "forest"))[:known]
    for n in range(300):
        for words in questions:
            conv(images(n, 4.0, 2.0), asked(*words))
    conv.eval()
    answer = conv(images(0, 4.0, 2.0), asked("segmentation", "road"))
    assert answer.mean((0, 2, 3)).abs().max() < 0.2
    assert (answer.std((0, 2, 3)).log().abs() < 0.2).all()


def test_numbers_that_are_none_are_not_remembered(conv: ConditionedConv) -> None:
    conv(images(0), asked(*LAND))
    before = conv.expected.clone()
    conv(images(0) * math.nan, asked(*LAND))
    assert torch.equal(conv.expected, before)


def test_a_single_value_is_not_normalised_by_itself(conv: ConditionedConv) -> None:
    answer = conv(images(0)[:1, :, :1, :1], asked(*LAND))
    assert answer.abs().max() > 0.01
    assert not conv.expected.any()


def test_gradients_reach_what_is_learnt(conv: ConditionedConv) -> None:
    question = asked(*LAND)._replace(condition=torch.ones(4, requires_grad=True))
    conv.film.data.normal_()
    conv(images(0), question).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in conv.parameters())
    assert question.condition.grad is not None
