"""What a network needs: bands, units, normalisation, dates, ground sampling distance, tile sizes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from swath.models.frozen import Frozen
from swath.models.gives import ClassLabel
from swath.sensors import Band, Units, Wavelength


class MeanStd(Frozen):
    """`(value - mean) / std`, both in the band's units."""

    mean: float
    std: float = Field(gt=0)

    def __str__(self) -> str:
        return f"mean {self.mean:g}, std {self.std:g}"

    @property
    def shift(self) -> float:
        """What is subtracted."""
        return self.mean

    @property
    def span(self) -> float:
        """What is divided by."""
        return self.std


class MinMax(Frozen):
    """`(value - min) / (max - min)`, both in the band's units."""

    min: float
    max: float

    def _agree(self) -> None:
        if not self.min < self.max:
            raise ValueError(f"min {self.min:g} must be less than max {self.max:g}")

    def __str__(self) -> str:
        return f"{self.min:g}..{self.max:g} to 0..1"

    @property
    def shift(self) -> float:
        """What is subtracted."""
        return self.min

    @property
    def span(self) -> float:
        """What is divided by."""
        return self.max - self.min


Normalisation = MeanStd | MinMax
_LARGEST_TERM = 64


class CardBand(Frozen):
    """One band as the network expects it: what light, in which units, and how values are normalised."""

    name: str
    common_name: str | None = None
    wavelength: Wavelength | None = None
    polarisation: Literal["VV", "VH", "HH", "HV"] | None = None
    units: Units
    normalisation: Normalisation | None = None
    """None: the network takes values as they are, in `units`."""
    clip: tuple[float, float] | None = None
    """Limits in the band's units, applied before normalisation."""

    def _agree(self) -> None:
        if self.clip is not None and not self.clip[0] < self.clip[1]:
            raise ValueError(f"clip must be (lower, upper); found {self.clip}")

    @classmethod
    def of(
        cls, band: Band, normalisation: Normalisation | None = None, clip: tuple[float, float] | None = None
    ) -> CardBand:
        """The expectation that a band like `band` comes, in its units."""
        shared = {key: getattr(band, key) for key in ("name", "common_name", "wavelength", "polarisation", "units")}
        return cls(**shared, normalisation=normalisation, clip=clip)

    def light(self) -> str:
        """One phrase for tables: `665 nm`, `VV`, or nothing."""
        return f"{self.wavelength[1]:g} nm" if self.wavelength is not None else self.polarisation or ""


class DatesRule(Frozen):
    """How many dates an input has, in order of time, and how they reach the network."""

    min: int = Field(default=1, ge=1)
    max: int | None = Field(default=1, ge=1)
    """None: any number."""
    given: Literal["axis", "arguments", "channels"] = "axis"
    """`axis`: one tensor `[B, T, C, H, W]`, or `[B, C, H, W]` where `max` is 1; `arguments`: one `[B, C, H, W]` each;
    `channels`: one `[B, T*C, H, W]`, date after date."""
    days: str | None = None
    """Argument by which the network is told the days of this input, `[T]` or `[B, T]`, besides `days` of the card's
    `takes`, which are those of the first; None: it is not told them."""

    def _agree(self) -> None:
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max {self.max} is less than min {self.min}")

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `days` where there are none, so that cards are written as they always were."""
        found: dict[str, Any] = write(self)
        return found if self.days is not None else {key: value for key, value in found.items() if key != "days"}

    def allows(self, count: int) -> bool:
        """Whether `count` dates are in the range."""
        return self.min <= count and (self.max is None or count <= self.max)


class GsdRule(Frozen):
    """Ground sampling distances in m. A scene between `min` and `max` may be resampled to `nominal`; others not."""

    nominal: float = Field(gt=0)
    min: float = Field(gt=0)
    max: float

    def _agree(self) -> None:
        if not self.min <= self.nominal <= self.max:
            raise ValueError(f"min, nominal, max must be in that order; found {self.min}, {self.nominal}, {self.max}")

    @classmethod
    def around(cls, nominal: float, factor: float = 2.0) -> GsdRule:
        """From `nominal / factor` to `nominal * factor`."""
        return cls(nominal=nominal, min=nominal / factor, max=nominal * factor)


class InputSensor(Frozen):
    """One of several sensors whose bands lie on one grid in an input, as `swath.stack` lays them."""

    name: str
    """What its files were told by."""
    sensor: str | None = None
    """As `sensor=` spells it; None: nothing said it."""
    bands: tuple[str, ...] = Field(min_length=1)
    """Names of the input's bands that are its."""
    gsd: float | None = Field(default=None, gt=0)
    """Of its own pixels in m; None without a grid or a CRS."""
    resampling: str = "as it is"
    """How it was brought onto the grid of the finest: `as it is`, `bilinear`, `average`, `nearest`, `mode`; or
    `everywhere`, of numbers without a grid."""


class Input(Frozen):
    """One input of a network; usually there is one, and several where bands come on different grids or dates."""

    name: str = "image"
    bands: tuple[CardBand, ...] = ()
    """In the order of the network's channels."""
    any_bands: CardBand | None = None
    """For networks that take bands by wavelength: what holds for every band; `wavelength` gives the limits."""
    dates: DatesRule = DatesRule()
    gsd: GsdRule | None = None
    """None: it was not recorded at which GSD the network was trained; whoever predicts must be told so."""
    fill: float = 0.0
    """Normalised value that stands for invalid pixels."""
    wavelength_tolerance: float = Field(default=20.0, ge=0)
    """By how many nm the centre of a scene's band may differ from the card's."""
    sensors: tuple[str, ...] = ()
    """Sensors it was trained on, as `sensor=` spells them."""
    stack: tuple[InputSensor, ...] = ()
    """Where several sensors saw the place: each with its bands. Empty: one did, or nobody parted them."""
    classes: tuple[ClassLabel, ...] = ()
    """Of a map: its classes; the network is given their positions, and `fill` where nothing is known. Empty: this input
    is imagery."""
    resize: int | None = Field(default=None, ge=1)
    """Side in px that a tile is brought to before the network sees it (bilinear, averaged where it shrinks), as it was
    in training; None: tiles go in as they are. Only where there is one answer per tile."""

    def _agree(self) -> None:
        if bool(self.bands) == (self.any_bands is not None):
            raise ValueError("say either bands= or any_bands=")
        names = [band.name for band in self.bands]
        if len(set(names)) != len(names):
            raise ValueError(f"band names are not unique: {', '.join(names)}")
        stacked = [band for one in self.stack for band in one.bands]
        if stacked and sorted(stacked) != sorted(names):
            raise ValueError(
                f"stack: its sensors have the bands {', '.join(stacked)}; the input has {', '.join(names)}"
            )


def ratio_of(first: Input, other: Input) -> Fraction:
    """Pixels of another input per pixel of the first, along an axis; 1 where the card does not say."""
    if first.gsd is None or other.gsd is None:
        return Fraction(1)
    exact = first.gsd.nominal / other.gsd.nominal
    if exact < 1:
        return 1 / Fraction(1 / exact).limit_denominator(_LARGEST_TERM)
    return Fraction(exact).limit_denominator(_LARGEST_TERM)


class TileRule(Frozen):
    """Which tile sizes the network takes, in pixels of its first input."""

    size: int = Field(default=512, ge=1)
    """The size it was trained at, or likes best."""
    multiple: int = Field(default=1, ge=1)
    """Height and width must be multiples of this."""
    fixed: bool = False
    """Whether it takes `size` and nothing else."""

    def _agree(self) -> None:
        if self.size % self.multiple:
            raise ValueError(f"size {self.size} is not a multiple of {self.multiple}")
