"""DDPM-CD: what a network knows that has learnt to take noise out of imagery tells change, with few labels.

Bandara, Nair and Patel, WACV 2025, arXiv:2206.11892. A diffusion network (SR3, 391 M parameters) learns from unlabelled
imagery alone; then it is frozen, noise of several strengths is added to both dates, and a head reads the differences of
its features on five scales. Good where there are many images and few labels; slow, with a pass of the large network for
each date and strength. It sees the whole tile; the order of dates does not count.

Two trainings: `swath train IMAGES --task pretraining --network ddpmcd -o encoder.swath` learns from images alone, and
`swath train PAIRS --from encoder.swath -o change.swath` the head on what was learnt.

`released=True` computes what the release computes, and takes its weights. The default mends what the release loses:

| | release | here |
| --- | --- | --- |
| noise in eval mode | new at each call and for each date, so that no answer comes twice | one pattern, the same for both dates |
| strength of noise | drawn anew near each step | that of the step |
| features at full size | computed and thrown away: the answer is made from half the size | used |

The release takes RGB in -1 to 1. Its two files are given together: `load_official("ddpmcd", {**diffusion, **head})`.
"""  # noqa: E501  (a table)

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_STRENGTHS = 2000
_GROUPS = 32


@register(
    "ddpmcd",
    title="DDPM-CD (change from diffusion features)",
    tasks=("change", "pretraining"),
    source=("arXiv:2206.11892",),
    transient=("diffusion_weights",),
)
def ddpmcd(
    in_channels: int = 3,
    classes: int = 2,
    inner: int = 128,
    multipliers: Sequence[int] = (1, 2, 4, 8, 8),
    blocks: int = 2,
    steps: Sequence[int] = (50, 100, 400),
    frozen: bool = True,
    diffusion_weights: str | None = None,
    released: bool = False,
    pretraining: bool = False,
) -> nn.Module:
    """A network `(before, after)`, `[B, in_channels, H, W]` each -> logits `[B, classes, H, W]`; any H and W.

    With `pretraining` one of images alone, `[B, in_channels, H, W]` -> errors `[B, 1, H, W]`.

    Args:
        in_channels: bands of each date.
        classes: channels of the answer; the paper has two, no change and change.
        inner: features of the diffusion network at full size, a multiple of 32.
        multipliers: by how much there are more of them at 1, 1/2, 1/4, ... of the size.
        blocks: of the diffusion network at each of those.
        steps: strengths of noise, 1 (almost none) to 2000 (nothing but noise).
        frozen: whether the diffusion network keeps its weights in training.
        diffusion_weights: a local weight file of the release's diffusion network; None: random weights, which are good
            for nothing but trying out.
        released: the release's form.
        pretraining: whether it is the diffusion network that is trained; what is said of classes, steps and frozen
            then means nothing.

    Raises:
        CardError: a number is out of its range, or weights do not fit.
    """
    from swath.models.change._ddpmcd import DDPMCD
    from swath.models.change._denoising import Denoising

    if inner < _GROUPS or inner % _GROUPS:
        raise CardError(f"inner must be a multiple of {_GROUPS}; found {inner}")
    if len(multipliers) < 2 or min(multipliers) < 1:
        raise CardError(f"multipliers must be two numbers or more, each of 1 or more; found {tuple(multipliers)}")
    if not steps or min(steps) < 1 or max(steps) > _STRENGTHS:
        raise CardError(f"steps must be numbers from 1 to {_STRENGTHS}; found {tuple(steps)}")
    network: DDPMCD | Denoising
    if pretraining:
        network = Denoising(in_channels, inner, multipliers, blocks)
    else:
        network = DDPMCD(in_channels, classes, inner, multipliers, blocks, steps, frozen=frozen, released=released)
    if diffusion_weights is not None:
        network.load_diffusion(diffusion_weights)
    return network
