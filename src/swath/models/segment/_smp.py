"""First weights of the encoders of segmentation-models-pytorch, from a file, made for the bands at hand."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from swath.models.pretrained import in_bands, timm_weights
from swath.models.strict import load_strict
from swath.models.weights import StateDict, read_state

TIMM = "tu-"
"""What the library puts before names of timm's encoders."""


def load_encoder(encoder: nn.Module, name: str, source: str, wavelengths: Sequence[float | None] | None) -> None:
    """Load published weights into an encoder; see the builders in `smp`.

    Raises:
        CardError: the file cannot be read, the weights do not fit, or a band has no wavelength.
    """
    own = encoder.state_dict()
    whole = name.startswith(TIMM)
    state = _as_features(timm_weights(name.removeprefix(TIMM), source), own) if whole else read_state(source)
    load_strict(encoder, in_bands(encoder, state, name, wavelengths), adapt=("headless",))


def _as_features(state: StateDict, own: StateDict) -> StateDict:
    """Weights of a whole network of timm by the names that they have where it gives features of all scales.

    There is a part before each name, some dots are underscores, and what comes behind the features is left out.
    """
    found = {key.replace("_", "."): tensor for key, tensor in state.items()}
    names = {key: key.removeprefix("model.").replace("_", ".") for key in own}
    return {key: found[plain] for key, plain in names.items() if plain in found}
