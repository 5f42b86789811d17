"""Labels as tensors: what a network is to answer, with what does not count marked as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from swath.data.sample import IGNORE
from swath.errors import TrainError
from swath.models.gives import Layer

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["IGNORE", "Labelled", "positions", "seen", "several", "standardised", "whole_image"]


class Labelled(Protocol):
    """What is looked at in a sample of a data set."""

    @property
    def valid(self) -> NDArray[np.bool_]:
        """`[T, C, H, W]`."""

    @property
    def target(self) -> Any:
        """Class positions `[H, W]`, values, the class of the whole image, or None."""

    @property
    def name(self) -> str:
        """Said in errors."""


def seen(valid: NDArray[np.bool_], *, every: bool) -> NDArray[np.bool_]:
    """Pixels that a network is asked about, as `swath.predict` decides it: all bands valid, on every date or on any.

    Args:
        valid: `[T, C, H, W]`.
        every: whether all dates must be valid, as where two are compared.
    """
    whole = valid.all(axis=1)
    return np.asarray(whole.all(axis=0) if every else whole.any(axis=0))


def positions(samples: Sequence[Labelled], *, every: bool = False) -> Tensor:
    """Class positions of pixels, int64 `[B, H, W]`; `IGNORE` where nothing is labelled or nothing was seen.

    Raises:
        TrainError: a label has another shape than its image.
    """
    return _stacked([_masked(_plane(sample), seen(sample.valid, every=every), IGNORE) for sample in samples])


def several(samples: Sequence[Labelled], layers: int) -> Tensor:
    """Several planes of class positions, int64 `[B, layers, H, W]`, `IGNORE` where one of the dates was not seen.

    Raises:
        TrainError: a label has another shape.
    """
    return _stacked([_masked(_plane(one, (layers,)), seen(one.valid, every=True), IGNORE) for one in samples])


def whole_image(samples: Sequence[Labelled]) -> Tensor:
    """One class for each image, int64 `[B]`, or several at once: float32 `[B, K]` of 0, 1, and NaN for not known.

    Raises:
        TrainError: images of one class are mixed with images of several.
    """
    given = [IGNORE if one.target is None else one.target for one in samples]
    shapes = {np.shape(one) for one in given}
    if len(shapes) > 1:
        raise TrainError(
            f"{samples[0].name}: labels of {' and '.join(map(str, sorted(shapes)))} numbers are mixed; "
            "an image has one class, or a yes or no for each"
        )
    return _stacked([np.asarray(one, dtype=np.float32 if np.ndim(one) else np.int64) for one in given])


def standardised(samples: Sequence[Labelled], layers: Sequence[Layer]) -> Tensor:
    """Values as a network gives them, `(value - mean) / std`, float32 `[B, N, H, W]` or `[B, N]`; NaN: not known.

    Raises:
        TrainError: a label has another shape.
    """
    mean = np.array([one.mean for one in layers], dtype=np.float32)
    std = np.array([one.std for one in layers], dtype=np.float32)
    made = []
    for sample in samples:
        if np.ndim(sample.target) < 2 and sample.target is not None:
            made.append((np.atleast_1d(np.asarray(sample.target, dtype=np.float32)) - mean) / std)
            continue
        values = _plane(sample, (len(layers),), np.nan).astype(np.float32)
        values = (values - mean[:, None, None]) / std[:, None, None]
        made.append(_masked(values, seen(sample.valid, every=False), np.float32(np.nan)))
    return _stacked(made)


def _plane(sample: Labelled, before: tuple[int, ...] = (), nothing: float = IGNORE) -> NDArray[Any]:
    """The label of an image's pixels; all `nothing` where there is none."""
    shape = (*before, *sample.valid.shape[-2:])
    if sample.target is None:
        return np.full(shape, nothing)
    given = np.asarray(sample.target)
    if before == (1,) and given.shape == shape[1:]:
        given = given[None]
    if given.shape != shape:
        raise TrainError(f"{sample.name}: the label is {given.shape} and its image wants {shape}; make them one size")
    return given


def _masked(values: NDArray[Any], keep: NDArray[np.bool_], nothing: Any) -> NDArray[Any]:
    kept = np.where(keep, values, nothing)
    return kept if kept.dtype.kind == "f" else kept.astype(np.int64)


def _stacked(arrays: Sequence[NDArray[Any]]) -> Tensor:
    import torch

    return torch.from_numpy(np.stack(arrays))
