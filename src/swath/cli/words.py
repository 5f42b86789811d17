"""Words between the library and a person at the command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_ONE = re.compile(
    r"\b(sensor|grid|complex|resampling|gsd|units|stitch|precision|device|task|layout|by|split|pairs|metric)='([^']*)'"
)
_METRES = re.compile(r"\bgsd=(METRES|[\d.]+)")
_PAIRS = re.compile(r"\bbands=\{([^{}]*)\}")
_SENSORS = re.compile(r"\bsensor=\{([^{}]*)\}")
_CLASSES = re.compile(r"\bmatch_classes=\{'([^']*)': '([^']*)'\}, with None for")
_PLACES = re.compile(r"\bdates=\[(\d{1,3}(?:, \d{1,3})*)\]")
_SEVERAL = re.compile(r"\b(bands|dates|classes|apart)=\[(?!\.\.\.\])([^\[\](]*)\]")
_INPUTS = re.compile(r"\{'[^']*': \.\.\.(?:, ('[^{}]*))?\}")
_NAMED = re.compile(r"\bclasses=\{number: name(, \.\.\.)?\}")
_NUMBERS = re.compile(r"\b(ignore|val|test)=\[?(\d+(?:, \d+)*)\]?")
_BARE = re.compile(
    r"\b(classes|ignore|sensor|bands|gsd|layout|label_field|split_file|buffer|overlap|network|val|test|seed|data|lr|"
    r"task|tile|fields|apart|share|simplify|min_area|match_classes|match_radiometry)="
    r"(\[\.\.\.\])?(?=[\s,;:)]|$)"
)
_CRS = re.compile(r"\bcrs=(?=[\s,;:)]|$)")
_START = re.compile(r"\bstart=(?=[\s,;:)]|$)")
_PLAIN = re.compile(r"\b(overwrite|resume|coregister|exact|probabilities)=True(?: \(`--\w+`\))?")


def as_options(message: str) -> str:
    """The library's advice in the words of the command line: `sensor='naip'` becomes `--sensor naip`."""
    message = _METRES.sub(lambda m: f"--gsd {m[1]}", message)
    message = _PAIRS.sub(lambda m: f"--match-bands {re.sub(r'[ ]|' + chr(39), '', m[1]).replace(':', '=')}", message)
    message = _SENSORS.sub(lambda m: f"--sensor {re.sub(r'[ ]|' + chr(39), '', m[1]).replace(':', '=')}", message)
    message = _CLASSES.sub(lambda m: f"--match-classes '{m[1]}={m[2]}', with nothing behind = for", message)
    message = _PLACES.sub(lambda m: f"--match-dates {m[1].replace(' ', '')}", message)
    message = _ONE.sub(lambda m: f"--{m[1]} {m[2]}", message)
    message = _SEVERAL.sub(lambda m: f"--{m[1]} {_list(m[2])}", message)
    message = _INPUTS.sub(lambda m: re.sub(r"'([^']*)': \.\.\.,?", r"--input \1=PATH", m[1] or ""), message)
    message = _NAMED.sub("--classes NUMBER=NAME,...", message)
    message = _NUMBERS.sub(lambda m: f"--{m[1]} {m[2].replace(' ', '')}", message)
    message = _BARE.sub(lambda m: f"--{m[1].replace('_', '-')}" + (" A,B,..." if m[2] else ""), message)
    message = _CRS.sub("--extent-crs", message)
    message = _START.sub("--from", message)
    return _PLAIN.sub(lambda m: f"--{m[1]}", message)


def _list(names: str) -> str:
    """`'red', 'bare soil'` as one word of a command line."""
    plain = re.sub(r"'|(?<=,)\s+", "", names)
    return f"'{plain}'" if " " in plain else plain


def show(*parts: RenderableType) -> None:
    """Print text and tables as they are: folded to the width of a screen, unfolded into a pipe."""
    from rich.console import Console

    out = Console(markup=False, highlight=False, emoji=False)
    if not out.is_terminal:
        out = Console(markup=False, highlight=False, emoji=False, width=1000)
    with out.capture() as captured:
        for part in parts:
            out.print(part)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def table(*columns: str, header: bool = True) -> Table:
    """A table without lines; a column whose title starts with `>` is set to the right."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, show_header=header, header_style="dim")
    for title in columns:
        made.add_column(title.removeprefix(">"), justify="right" if title.startswith(">") else "left")
    return made


def indented(part: RenderableType, above: int = 0) -> RenderableType:
    """The part two columns to the right, with empty lines above it."""
    from rich.padding import Padding

    return Padding(part, (above, 0, 0, 2), expand=False)


def stored_words(dtype: str | None, scale: float, offset: float, nodata: float | None = None) -> str:
    """How numbers are stored, in a few words: `uint16 x 0.0001 -0.1, nodata 0`."""
    parts = [dtype or "", f"x {scale:g}" if scale != 1 else "", f"{offset:+g}" if offset else ""]
    words = " ".join(part for part in parts if part)
    return words if nodata is None else f"{words}, nodata {nodata:g}"
