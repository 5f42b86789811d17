"""First weights of an encoder that others have trained: from a local file, or by name where a hub can be reached."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from swath.errors import CardError
from swath.models.needs import CardBand
from swath.models.strict import by_wavelength, load_strict
from swath.models.weights import StateDict, read_state

RGB = {"red": (620.0, 665.0, 690.0), "green": (530.0, 560.0, 590.0), "blue": (450.0, 490.0, 510.0)}
"""Light in nm for which published encoders were made, in their order."""


def load_torchvision(
    encoder: nn.Module,
    name: str,
    source: str,
    *,
    prefix: str = "",
    without: Sequence[str] = (),
    wavelengths: Sequence[float | None] | None = None,
) -> None:
    """Load the weights of a torchvision network into what was taken of it.

    Args:
        encoder: takes the weights in place.
        name: of the network, such as `resnet18`.
        source: a local weight file, or the name of weights such as `IMAGENET1K_V1`, which torchvision's hub then gives.
        prefix: what the names of the part that the encoder was taken from begin with.
        without: parts of the network that the encoder lacks: beginnings of names, behind the prefix.
        wavelengths: of the bands, see `for_bands`.

    Raises:
        CardError: there is no such file or name, the hub cannot be reached, or the weights do not fit.
    """
    state = read_state(source) if Path(source).suffix or Path(source).is_file() else _from_hub(name, source)
    part = {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}
    taken = {key: tensor for key, tensor in part.items() if not key.startswith(tuple(without))}
    load_strict(encoder, in_bands(encoder, taken, name, wavelengths))


def _from_hub(name: str, source: str) -> StateDict:
    from torchvision.models import get_model_weights

    known = get_model_weights(name).__members__
    if source not in known:
        raise CardError(f"{name} has no weights {source!r}; name a file, or one of {', '.join(known)}")
    try:
        state: StateDict = known[source].get_state_dict(progress=False)
    except OSError as error:
        raise CardError(f"the hub that has {name} {source} cannot be reached ({error}); name a local file") from error
    return state


def load_parts(network: nn.Module, source: str, parts: Sequence[str]) -> None:
    """Load some parts of a network from a local file of a whole one, and leave out what else lies there.

    Args:
        network: takes the weights in place.
        source: the file; its names may have `model.` before them.
        parts: names of the network's children; all of their weights must be there, and no others of theirs.

    Raises:
        CardError: there is no such file, or a part does not fit.
    """
    state = {key.removeprefix("model."): tensor for key, tensor in read_state(source).items()}
    taken = nn.ModuleDict({part: network.get_submodule(part) for part in parts})
    load_strict(taken, {key: tensor for key, tensor in state.items() if key.partition(".")[0] in parts})


def timm_weights(name: str, source: str) -> StateDict:
    """All weights of a timm network, buffers included.

    Args:
        name: of the network, such as `resnet18`.
        source: a local weight file, or the tag of published weights such as `a1_in1k`, which timm's hub then gives.

    Raises:
        CardError: there is no such file or tag, or the hub cannot be reached.
    """
    if Path(source).suffix or Path(source).is_file():
        return read_state(source)
    import timm

    known = [one.partition(".")[2] for one in timm.list_pretrained(f"{name}.*")]
    if source not in known:
        raise CardError(f"{name} has no weights {source!r}; name a file, or one of {', '.join(known)}")
    try:
        return dict(timm.create_model(f"{name}.{source}", pretrained=True).state_dict())
    except OSError as error:
        raise CardError(f"the hub that has {name}.{source} cannot be reached ({error}); name a local file") from error


def in_bands(encoder: nn.Module, state: StateDict, name: str, wavelengths: Sequence[float | None] | None) -> StateDict:
    """Weights for red, green and blue whose first layer is made for the bands that an encoder takes; see `for_bands`.

    The first layer is the first weight of four dimensions. One that is not for three bands stays as it is.

    Raises:
        CardError: as `for_bands`.
    """
    first = next((key for key, one in encoder.state_dict().items() if one.ndim == 4), "")
    if first not in state or state[first].ndim != 4 or state[first].shape[1] != len(RGB):
        return state
    count = encoder.state_dict()[first].shape[1]
    return {**state, first: for_bands(state[first], name, count, wavelengths)}


def for_bands(filters: Tensor, name: str, count: int, wavelengths: Sequence[float | None] | None) -> Tensor:
    """Filters of a first layer for red, green and blue, `[out, 3, ...]`, made for other bands, `[out, count, ...]`.

    Args:
        filters: as published.
        name: of the encoder, for what is said.
        count: bands, times dates that come one after another along them.
        wavelengths: centre of each band of a date in nm; where not all of three are known, they are taken to be red,
            green and blue.

    Raises:
        CardError: there are other bands, and not all of them have a wavelength.
    """
    known = [centre for centre in wavelengths or () if centre is not None]
    if count == len(RGB) and (not known or len(known) != len(wavelengths or ())):
        return filters
    if not known or len(known) != len(wavelengths or ()) or count % len(known):
        raise CardError(
            f"the weights of {name} are for red, green and blue, and of the {count} bands not all have a wavelength by "
            "which its first layer could be made for them; say sensor=, or leave out encoder_weights"
        )
    new = [
        CardBand(name=str(number), wavelength=(centre, centre, centre), units="display")
        for number, centre in enumerate(known * (count // len(known)))
    ]
    return by_wavelength(filters, [CardBand(name=key, wavelength=nm, units="display") for key, nm in RGB.items()], new)
