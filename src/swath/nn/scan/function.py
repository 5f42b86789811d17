"""The function that networks call: shapes checked, the way for the device chosen, gradients wired up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from swath.nn.scan.reference import reference


@dataclass(frozen=True)
class Inputs:
    """What a kernel takes: float32, contiguous, nothing left out."""

    u: Tensor
    """`[batch, channels, L]`."""
    delta: Tensor
    """As `u`, before bias and softplus."""
    A: Tensor
    """`[channels, N]`."""
    B: Tensor
    """`[batch, groups, N, L]`."""
    C: Tensor
    """As `B`."""
    D: Tensor
    """`[channels]`."""
    bias: Tensor
    """`[channels]`, of `delta`."""
    softplus: bool
    """Whether `delta` and its bias go through it."""

    @classmethod
    def of(cls, tensors: Sequence[Tensor], softplus: bool) -> Inputs:
        """From the tensors in order."""
        u, delta, A, B, C, D, bias = tensors
        return cls(u, delta, A, B, C, D, bias, softplus)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All of them in order."""
        return self.u, self.delta, self.A, self.B, self.C, self.D, self.bias


class Kernels(Protocol):
    """A way to compute it on a device."""

    def forward(self, given: Inputs, keep: bool) -> tuple[Tensor, Tensor]:
        """The answer `[batch, channels, L]`, and states every so many steps where `keep`, from which to go backward."""

    def backward(self, given: Inputs, kept: Tensor, slope: Tensor) -> tuple[Tensor, ...]:
        """Gradients of `Inputs.tensors`, each in its shape, from that of the answer."""


def scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
) -> Tensor:
    """Carry a state along a sequence, channel by channel (Mamba, arXiv:2312.00752, algorithm 2).

        d_t = softplus(delta_t + delta_bias)
        h_t = exp(d_t A) h_{t-1} + d_t u_t B_t        h_0 = 0, N numbers per channel
        y_t = <C_t, h_t> + D u_t

    It runs in float32 on the CPU (compiled by numba when first called, once per machine) and on the GPU (Triton); in
    float64, and on other devices, step by step. No tensor has both L and N for every channel, in training neither.

    Args:
        u: `[batch, channels, L]`.
        delta: as `u`.
        A: `[channels, N]`, negative where the state is to fade.
        B: `[batch, groups, N, L]` or `[batch, N, L]`; channels are parted evenly among the groups, in order.
        C: as `B`.
        D: `[channels]`; None: nothing of u is added.
        delta_bias: `[channels]`; None: none.
        delta_softplus: whether delta and its bias go through softplus.

    Returns:
        `[batch, channels, L]` in the precision of u.

    Raises:
        ValueError: shapes do not fit.
    """
    B, C = (x.unsqueeze(1) if x.ndim == 3 else x for x in (B, C))
    _check(u, delta, A, B, C, D, delta_bias)
    if u.numel() == 0:
        return u.clone()
    if u.dtype == torch.float64 or u.device.type not in ("cpu", "cuda"):
        return reference(u, delta, A, B, C, D, delta_bias, delta_softplus)
    none = A.new_zeros(len(A))
    given = [u, delta, A, B, C, none if D is None else D, none if delta_bias is None else delta_bias]
    ready = [x.to(torch.float32).contiguous() for x in given]
    if torch.is_grad_enabled() and any(x.requires_grad for x in ready):
        y: Tensor = _Scan.apply(*ready, delta_softplus)
    else:
        y, _ = kernels(u.device).forward(Inputs.of(ready, delta_softplus), keep=False)
    return y.to(u.dtype)


def kernels(device: torch.device) -> Kernels:
    """The way for a device; compilers are imported when first needed."""
    if device.type == "cpu":
        from swath.nn.scan import cpu

        return cpu
    from swath.nn.scan import gpu

    return gpu


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        *tensors, ctx.softplus = given
        y, kept = kernels(tensors[0].device).forward(Inputs.of(tensors, ctx.softplus), keep=True)
        ctx.save_for_backward(*tensors, kept)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, kept = ctx.saved_tensors
        slopes = kernels(slope.device).backward(Inputs.of(tensors, ctx.softplus), kept, slope.contiguous())
        return *slopes, None


def _check(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None, delta_bias: Tensor | None
) -> None:
    if u.ndim != 3 or A.ndim != 2 or B.ndim != 4:
        raise ValueError(
            "scan wants u [batch, channels, L], A [channels, N] and B [batch, groups, N, L]; "
            f"found {tuple(u.shape)}, {tuple(A.shape)} and {tuple(B.shape)}"
        )
    batch, channels, length = u.shape
    groups, wanted = B.shape[1], (batch, B.shape[1], A.shape[1], length)
    shapes = {
        "delta": (delta, (batch, channels, length)),
        "A": (A, (channels, A.shape[1])),
        "B": (B, wanted),
        "C": (C, wanted),
        "D": (D, (channels,)),
        "delta_bias": (delta_bias, (channels,)),
    }
    for name, (tensor, shape) in shapes.items():
        if tensor is not None and tuple(tensor.shape) != shape:
            raise ValueError(f"scan: {name} must be {shape} to go with u {tuple(u.shape)}; found {tuple(tensor.shape)}")
    if groups == 0 or channels % groups:
        raise ValueError(f"scan: {channels} channels cannot be parted evenly among the {groups} groups of B")
