"""Layers made from metadata: any number of channels, in any order, each told by its token."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from swath.nn.hyper import DynamicDecoder, DynamicEncoder, sincos

WIDTH = 16


def test_tokens_are_sines_and_cosines_of_falling_frequency() -> None:
    tokens = sincos(torch.tensor([0.0, 1.0, 500.0]), WIDTH)
    assert tokens.shape == (3, WIDTH)
    torch.testing.assert_close(tokens[0], torch.cat([torch.zeros(8), torch.ones(8)]))
    torch.testing.assert_close(tokens[2, 1], torch.tensor(500 * 10_000 ** (-1 / 8)).sin(), rtol=0, atol=1e-4)
    torch.testing.assert_close(tokens[2, 8], torch.tensor(500.0).cos(), rtol=0, atol=1e-5)


def test_channels_go_by_their_token() -> None:
    torch.manual_seed(0)
    layer, x, tokens = DynamicEncoder(WIDTH, 8).eval(), torch.randn(2, 7, 5), sincos(torch.rand(5) * 1000, WIDTH)
    order = torch.randperm(5)
    answer = layer(x, tokens)
    assert answer.shape == (2, 7, 8)
    torch.testing.assert_close(layer(x[..., order], tokens[order]), answer)
    assert not torch.allclose(layer(x, tokens[order]), answer, atol=1e-3)


def test_the_release_counts_the_order_of_channels() -> None:
    torch.manual_seed(0)
    layer, x = DynamicEncoder(WIDTH, 8, released=True).eval(), torch.randn(2, 7, 5)
    tokens = sincos(torch.ones(5), WIDTH)
    answer = layer(x, tokens)
    assert (layer(x.flip(-1), tokens) - answer).abs().max() > 0.01 * answer.std()
    mended = DynamicEncoder(WIDTH, 8).eval()
    torch.testing.assert_close(mended(x.flip(-1), tokens), mended(x, tokens))


@pytest.mark.parametrize("bias", [False, True])
def test_one_channel_per_token(bias: bool) -> None:
    torch.manual_seed(0)
    layer, x, tokens = DynamicDecoder(WIDTH, 8, bias=bias).eval(), torch.randn(2, 3, 4, 8), sincos(torch.rand(6), WIDTH)
    answer = layer(x, tokens)
    assert answer.shape == (2, 3, 4, 6)
    torch.testing.assert_close(layer(x, tokens.flip(0)), answer.flip(-1))
    offset = layer(torch.zeros(1, 8), tokens)
    assert bool((offset != 0).all()) == bias


@pytest.mark.parametrize("layer", [DynamicEncoder(WIDTH, 8), DynamicDecoder(WIDTH, 8, bias=True)])
def test_rows_of_a_batch_may_have_their_own_tokens(layer: nn.Module) -> None:
    tokens = sincos(torch.rand(3, 8), WIDTH)
    x = torch.randn(3, 5, 8)
    layer.eval()
    each = torch.cat([layer(x[i : i + 1], tokens[i]) for i in range(3)])
    torch.testing.assert_close(layer(x, tokens), each)


def test_the_spread_of_the_answer_is_that_of_the_channels_however_many() -> None:
    torch.manual_seed(0)
    layer = DynamicEncoder(WIDTH, 8).eval()
    spreads = [layer(torch.randn(1, 500, n), sincos(torch.rand(n) * 1000, WIDTH)).std().item() for n in (1, 4, 64)]
    assert max(spreads) < 3 * min(spreads)
    assert 0.1 < min(spreads) < max(spreads) < 10


@pytest.mark.parametrize(
    "layer", [DynamicEncoder(WIDTH, 8), DynamicDecoder(WIDTH, 8), DynamicDecoder(WIDTH, 8, bias=True)]
)
def test_all_that_is_there_is_learnt(layer: nn.Module) -> None:
    layer.train()(torch.randn(2, 8), sincos(torch.rand(8) * 1000, WIDTH)).square().mean().backward()
    assert [name for name, parameter in layer.named_parameters() if parameter.grad is None] == []
