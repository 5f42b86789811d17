"""`Band`: what light, or what quantity, one layer of a scene holds."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from swath.sensors.units import Units

Kind = Literal["continuous", "categorical", "flags"]
"""`continuous` may be interpolated; `categorical` holds class numbers; `flags` holds bit fields."""


def _ordered(value: tuple[float, float, float]) -> tuple[float, float, float]:
    if not 0 < value[0] <= value[1] <= value[2]:
        raise ValueError(f"must be (min, centre, max) in nm, in that order; found {value}")
    return value


Wavelength = Annotated[tuple[float, float, float], AfterValidator(_ordered)]
"""`(min, centre, max)` in nm."""


def limits(centre: float, width: float) -> tuple[float, float, float]:
    """`(min, centre, max)` of a band, to a thousandth of the unit that centre and width are in."""
    return round(centre - width / 2, 3), round(centre, 3), round(centre + width / 2, 3)


class Band(BaseModel):
    """One band: its name, what it measures, and how stored numbers become values in `units`.

    `value = stored * scale + offset`, as in GDAL and STAC `raster:bands`. The names of optical bands follow the STAC
    `eo` extension's common names (https://github.com/stac-extensions/eo).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The instrument's own name: `B04`, `SR_B5`, `VV`."""
    title: str | None = None
    """Words for people where the name says little."""
    aliases: tuple[str, ...] = ()
    """Other spellings in use: `B4`, `band_4`."""
    common_name: str | None = None
    """STAC common name: `red`, `nir`, `swir16`."""
    wavelength: Wavelength | None = None
    """`(min, centre, max)` in nm, the limits at half of the peak response unless the sensor's file says otherwise."""
    polarisation: Literal["VV", "VH", "HH", "HV"] | None = None
    frequency: float | None = Field(default=None, gt=0)
    """Radar or microwave centre frequency in GHz."""
    gsd: float | None = Field(default=None, gt=0)
    """Ground sampling distance in m."""
    units: Units = "dn"
    """Units of values after scale and offset; one of `swath.sensors.UNITS`. `dn`: uncalibrated numbers."""
    scale: float = 1.0
    offset: float = 0.0
    dtype: str | None = None
    """NumPy name of the stored type (`uint16`); a file of another type is not scaled without being told."""
    nodata: float | None = None
    """Stored number that means "nothing was seen here"."""
    kind: Kind = "continuous"
    classes: dict[int, str] | None = None
    """Names of the class numbers of a categorical band."""
    colours: dict[int, str] | None = None
    """Colours of the class numbers, `#rrggbb`."""

    @model_validator(mode="after")
    def _categorical_with_classes(self) -> Self:
        if self.classes is not None and self.kind != "categorical":
            raise ValueError(f"band {self.name} has classes, so its kind must be 'categorical'")
        return self

    @property
    def centre(self) -> float | None:
        """Centre wavelength in nm, or None where the band is not optical."""
        return None if self.wavelength is None else self.wavelength[1]

    @property
    def width(self) -> float | None:
        """Width of the response in nm."""
        return None if self.wavelength is None else self.wavelength[2] - self.wavelength[0]

    def answers_to(self, name: str) -> bool:
        """Whether `name` is this band's name or an alias, whatever the case."""
        wanted = name.casefold()
        return any(wanted == own.casefold() for own in (self.name, *self.aliases))

    def with_(self, **changes: Any) -> Band:
        """A copy with fields changed, validated again."""
        return Band.model_validate({**self.model_dump(), **changes})

    def light(self) -> str:
        """One phrase for tables: `665 nm`, `VV 5.4 GHz`, or nothing."""
        if self.wavelength is not None:
            return f"{self.wavelength[1]:g} nm"
        if self.frequency is not None:
            return f"{self.polarisation or ''} {self.frequency:g} GHz".strip()
        return self.polarisation or ""
