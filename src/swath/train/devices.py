"""Devices, strategies and precision, through Lightning Fabric; and seeds."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from swath.errors import TrainError
from swath.train.recipe import Recipe

if TYPE_CHECKING:
    from lightning.fabric import Fabric

_MATRIX_UNITS = ("amx_bf16", "avx512_bf16", "avx10_2", "sve_bf16", "bf16")
"""Instructions of processors that multiply in bfloat16."""


def fabric_of(recipe: Recipe) -> Fabric:
    """Lightning's view of the devices that a recipe names; where there are several, this process becomes several.

    Raises:
        TrainError: there are no such devices, or no such strategy.
    """
    from lightning.fabric import Fabric
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    # What it says of itself stands in the report, in our words.
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    several = recipe.devices == "auto" or recipe.devices > 1
    strategy = recipe.strategy
    if strategy == "auto" and several:
        # A network of several skills uses only some of its weights for each.
        strategy = "ddp_find_unused_parameters_true"
    precision: Any = "bf16-mixed" if precision_of(recipe) == "bfloat16" else "32-true"
    try:
        fabric = Fabric(accelerator=recipe.accelerator, devices=recipe.devices, strategy=strategy, precision=precision)
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise TrainError(f"cannot train there: {' '.join(str(error).split())[:200]}") from error
    fabric.launch()
    return fabric


def precision_of(recipe: Recipe) -> str:
    """The precision that a recipe means on this machine."""
    if recipe.precision != "auto":
        return recipe.precision
    if recipe.accelerator in ("auto", "gpu") and torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if recipe.accelerator == "mps" or (recipe.accelerator == "auto" and torch.backends.mps.is_available()):
        return "float32"
    known = torch.cpu.get_capabilities()
    return "bfloat16" if any(known.get(name) for name in _MATRIX_UNITS) else "float32"


def seed(number: int) -> None:
    """Seed Python, NumPy and torch. Crops have seeds of their own, see `swath.train.batches`."""
    random.seed(number)
    np.random.seed(number % 2**32)  # noqa: NPY002  for libraries that still use it
    torch.manual_seed(number)
