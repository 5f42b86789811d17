"""First weights of the encoders of segmentation-models-pytorch, from a file, made for the bands at hand."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from swath.errors import CardError
from swath.models.pretrained import for_bands, timm_weights
from swath.models.strict import load_strict
from swath.models.weights import StateDict, read_state

TIMM = "tu-"
"""What the library puts before names of timm's encoders."""


def load_encoder(
    encoder: nn.Module, name: str, source: str, in_channels: int, wavelengths: Sequence[float | None] | None
) -> None:
    """Load published weights into an encoder; see the builders in `smp`.

    Raises:
        CardError: the file cannot be read, the weights do not fit, or a band has no wavelength.
    """
    own = encoder.state_dict()
    whole = name.startswith(TIMM)
    state = dict(_as_features(timm_weights(name.removeprefix(TIMM), source), own) if whole else read_state(source))
    first = next((key for key, tensor in own.items() if tensor.ndim == 4 and tensor.shape[1] == in_channels), None)
    if first is None:
        raise CardError(f"{name} has no first layer that its weights could be made for other bands in; leave them out")
    if first in state and state[first].ndim == 4 and state[first].shape[1] == 3:
        state[first] = for_bands(state[first], name, in_channels, wavelengths)
    load_strict(encoder, state, adapt=("headless",))


def _as_features(state: StateDict, own: StateDict) -> StateDict:
    """Weights of a whole network of timm by the names that they have where it gives features of all scales.

    There is a part before each name, some dots are underscores, and what comes behind the features is left out.
    """
    found = {key.replace("_", "."): tensor for key, tensor in state.items()}
    names = {key: key.removeprefix("model.").replace("_", ".") for key in own}
    return {key: found[plain] for key, plain in names.items() if plain in found}
