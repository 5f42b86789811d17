"""The scan: right in all its ways, whatever the shapes; cheap in memory; nothing is compiled before it is called."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from swath.nn.scan import reference, scan

Given = list[Tensor]
NAMES = ("u", "delta", "A", "B", "C", "D", "delta_bias")


def made(batch: int, channels: int, length: int, states: int, groups: int, *, positive: bool = False) -> Given:
    generator = torch.Generator().manual_seed(length)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    delta, bias = normal(batch, channels, length) - 2, normal(channels)
    if positive:  # what is taken as it is must not be negative, or states grow without bound
        delta, bias = delta.abs() / 10, bias.abs() / 10
    entries = [normal(batch, groups, states, length) for _ in range(2)]
    given = [normal(batch, channels, length), delta, -normal(channels, states).exp(), *entries, normal(channels), bias]
    return [x.requires_grad_() for x in given]


def slopes(y: Tensor, given: Given) -> list[Tensor]:
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y)
    return list(torch.autograd.grad((y * weights).sum(), given))


@pytest.mark.parametrize("softplus", [True, False])
@pytest.mark.parametrize(
    "shape", [(2, 12, 150, 3, 2), (1, 70, 64, 1, 1), (3, 5, 1, 4, 5), (2, 96, 333, 16, 2), (1, 33, 130, 5, 1)]
)
def test_answer_and_gradients_are_those_of_float64(shape: tuple[int, ...], softplus: bool) -> None:
    given = made(*shape, positive=not softplus)
    y = scan(*given, delta_softplus=softplus)
    exact = [x.detach().double().requires_grad_() for x in given]
    wanted = reference(*exact, delta_softplus=softplus)
    pairs = zip(("y", *NAMES), (y, *slopes(y, given)), (wanted, *slopes(wanted, exact)), strict=True)
    for name, *both in pairs:
        found, right = (x.detach() for x in both)
        assert found.dtype == torch.float32
        assert float((found - right).abs().max()) <= 2e-6 * float(right.abs().max()), name


def test_the_reference_is_the_recurrence() -> None:
    u, delta, A, B, C, D, bias = (x.detach().double() for x in made(1, 2, 5, 3, 1))
    y = reference(u, delta, A, B, C, D, bias, True)
    for channel in range(2):
        h = torch.zeros(3, dtype=torch.float64)
        for t in range(5):
            d = math.log1p(math.exp(float(delta[0, channel, t] + bias[channel])))
            h = torch.exp(d * A[channel]) * h + d * u[0, channel, t] * B[0, 0, :, t]
            assert float(y[0, channel, t]) == pytest.approx(float(h @ C[0, 0, :, t] + D[channel] * u[0, channel, t]))


def test_float64_is_exact_enough_for_numerical_gradients() -> None:
    given = [x.detach().double().requires_grad_() for x in made(1, 4, 6, 2, 2)]
    assert torch.autograd.gradcheck(lambda *x: scan(*x, delta_softplus=True), given)


def test_what_may_be_left_out_counts_as_zero() -> None:
    u, delta, A, B, C, D, bias = (x.detach() for x in made(2, 8, 70, 4, 1, positive=True))
    zero = torch.zeros_like(D)
    assert torch.equal(scan(u, delta, A, B[:, 0], C[:, 0]), scan(u, delta, A, B, C, zero, zero))
    assert not torch.equal(scan(u, delta, A, B, C, D), scan(u, delta, A, B, C, D, bias))


def test_parts_of_a_batch_and_of_the_channels_are_apart() -> None:
    u, delta, A, B, C, D, bias = (x.detach() for x in made(2, 80, 100, 4, 2))
    whole = scan(u, delta, A, B, C, D, bias, True)
    assert torch.equal(scan(u[1:], delta[1:], A, B[1:], C[1:], D, bias, True), whole[1:])
    half = slice(40, 80)
    part = scan(u[:, half], delta[:, half], A[half], B[:, 1:], C[:, 1:], D[half], bias[half], True)
    assert torch.equal(part, whole[:, half])


def test_answers_do_not_depend_on_the_number_of_threads() -> None:
    given, found = made(2, 128, 256, 8, 2), []
    before = torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            y = scan(*given, delta_softplus=True)
            found.append([y, *slopes(y, given)])
        finally:
            torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_a_step_sees_itself_and_what_was_before_even_if_it_is_nan() -> None:
    given = [x.detach() for x in made(1, 40, 200, 4, 1)]
    clean = scan(*given, delta_softplus=True)
    for which in range(2):
        spoilt = [x.clone() for x in given]
        spoilt[which][..., 90] = torch.nan
        y = scan(*spoilt, delta_softplus=True)
        assert torch.equal(y[..., :90], clean[..., :90])
        assert bool(y[..., 90:].isnan().all())


def test_half_precision_comes_back_as_it_went_in() -> None:
    given = [x.detach() for x in made(1, 32, 100, 4, 1)]
    y = scan(*(x.bfloat16() for x in given), delta_softplus=True)
    assert y.dtype == torch.bfloat16
    rounded = scan(*(x.bfloat16().float() for x in given), delta_softplus=True)
    assert torch.equal(y, rounded.bfloat16())


def test_training_keeps_little() -> None:
    given = made(1, 96, 2048, 16, 1)
    held: dict[int, int] = {}

    def pack(x: Tensor) -> Tensor:
        held[x.data_ptr()] = x.numel()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        y = scan(*given, delta_softplus=True)
    inputs = sum(x.numel() for x in given)
    assert sum(held.values()) < inputs + y.numel()


@pytest.mark.parametrize(("batch", "length"), [(0, 5), (2, 0)])
def test_nothing_gives_nothing(batch: int, length: int) -> None:
    given = [torch.zeros(batch, 4, length)] * 2 + [torch.zeros(4, 3)] + [torch.zeros(batch, 1, 3, length)] * 2
    assert scan(*given).shape == (batch, 4, length)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({1: torch.zeros(1, 6, 9)}, r"delta must be \(1, 6, 8\) to go with u \(1, 6, 8\); found \(1, 6, 9\)"),
        ({4: torch.zeros(1, 2, 5, 8)}, r"C must be \(1, 2, 4, 8\)"),
        ({3: torch.zeros(1, 4, 4, 8), 4: torch.zeros(1, 4, 4, 8)}, "6 channels cannot be parted evenly among the 4"),
        ({2: torch.zeros(6)}, r"A \[channels, N\]"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change: dict[int, Tensor], message: str) -> None:
    given = made(1, 6, 8, 4, 2)
    with pytest.raises(ValueError, match=message):
        scan(*(change.get(i, x) for i, x in enumerate(given)))


def test_functions_of_the_loops_are_right_to_single_precision() -> None:
    from swath.nn.scan import loops

    values = np.linspace(-80, 80, 2001).astype(np.float32)
    exact = values.astype(np.float64)
    wanted = {
        loops.exp: np.exp(exact),
        loops.softplus: np.log1p(np.exp(exact)),
        loops.sigmoid: 1 / (1 + np.exp(-exact)),
    }
    for function, right in wanted.items():
        found = np.array([function(value) for value in values])
        assert np.abs(found / right - 1).max() < 3e-7
        assert np.isnan(function(np.float32(np.nan)))


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_is_compiled_before_it_is_called() -> None:
    code = "import swath.nn.scan, sys; print([name for name in ('numba', 'triton') if name in sys.modules])"
    assert run(code).strip() == "[]"


INTERPRETED = """
import torch
from swath.nn.scan import cpu, gpu
from swath.nn.scan.function import Inputs

torch.manual_seed(0)
gpu._TILE = 64
for batch, channels, length, states, groups, soft in ((2, 4, 70, 3, 2, True), (1, 2, 48, 1, 1, False)):
    shape, grouped = (batch, channels, length), (batch, groups, states, length)
    delta = torch.randn(shape) if soft else torch.rand(shape) / 10
    entries = [torch.randn(grouped) for _ in range(2)]
    rates = -torch.rand(channels, states) * 4
    given = Inputs(torch.randn(shape), delta, rates, *entries, torch.randn(channels), torch.rand(channels), soft)
    slope, found = torch.randn(shape), []
    for way in (gpu, cpu):
        y, kept = way.forward(given, True)
        assert torch.equal(way.forward(given, False)[0], y)
        found.append([y, *way.backward(given, kept, slope)])
    for one, other in zip(*found, strict=True):
        assert one.shape == other.shape
        print(float((one - other).abs().max() / other.abs().max()))
"""


def test_the_gpus_way_gives_the_cpus_answers_where_triton_is_interpreted() -> None:
    pytest.importorskip("triton", reason="torch came without triton")
    assert max(map(float, run(INTERPRETED, TRITON_INTERPRET="1", OMP_NUM_THREADS="1").split())) < 1e-5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_cpus_answers() -> None:
    given = made(2, 64, 3000, 16, 2)
    there = [x.detach().cuda().requires_grad_() for x in given]
    y, far = scan(*given, delta_softplus=True), scan(*there, delta_softplus=True)
    pairs = zip((far, *slopes(far, there)), (y, *slopes(y, given)), strict=True)
    for found, wanted in pairs:
        assert float((found.cpu() - wanted).abs().max()) < 1e-4 * float(wanted.abs().max())


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="Triton's compiler for GPUs comes for Linux alone")
@pytest.mark.parametrize("states", [1, 16])
def test_the_gpus_way_compiles_for_a_gpu_that_is_not_there(states: int) -> None:
    triton = pytest.importorskip("triton", reason="torch came without triton")
    from triton.backends.compiler import GPUTarget

    from swath.nn.scan import gpu

    for kernel in (gpu._forward, gpu._backward):
        fixed = {"KEEP": True, "SOFT": True, "STATES": states, "CHUNK": 2048 // max(2, states)}
        fixed = {name: value for name, value in fixed.items() if name in kernel.arg_names}
        numbers = ("length", "channels", "per_group", "states")
        kinds = {
            name: "constexpr" if name in fixed else "i32" if name in numbers else "*fp32" for name in kernel.arg_names
        }
        at = {(kernel.arg_names.index(name),): value for name, value in fixed.items()}
        made = triton.compile(
            triton.compiler.ASTSource(kernel, kinds, at),
            target=GPUTarget("cuda", 90, 32),
            options={"enable_fp_fusion": True},
        )
        assert made.asm["cubin"]
