"""The page of products: whole in one file, right in what it says, and alive in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from torch import Tensor, nn

import swath
from swath.errors import PredictError, WriteError
from swath.models import ClassLabel
from swath.predict.areas import cell_areas
from swath.predict.page import Part, write_page
from swath.predict.page.facts import area_words
from swath.predict.product import Product

from .browser import Browser, find

SENSOR = "sentinel-2-l1c@pre-04.00"
NASTY = "<script>alert('x')</script> & \"roofs\""


class Brighter(nn.Module):
    """Change where near infrared grew."""

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        return (after[:, 3:4] - before[:, 3:4] - 0.08) * 60


class Levels(nn.Module):
    """As many classes as levels of brightness."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.levels = torch.linspace(0.1, 0.9, count)

    def forward(self, image: Tensor) -> Tensor:
        mean = image.mean(dim=1, keepdim=True)
        mean = (mean - mean.amin()) / (mean.amax() - mean.amin()).clamp_min(1e-6)
        return -((mean - self.levels[:, None, None]) ** 2) * 80


@pytest.fixture(scope="module")
def change(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Product:
    """Change in Paris, saved with its shapes."""
    folder = tmp_path_factory.mktemp("page")
    pair = swath.open(
        own_data / "paris_2015.tif", own_data / "paris_2018.tif", sensor=SENSOR, dates=["2015-08-01", "2018-05-01"]
    )
    model = swath.Model.wrap(
        Brighter(),
        task="change",
        like=pair,
        name="brighter",
        licence="CC0-1.0",
        classes=[ClassLabel(value=0, name="no"), ClassLabel(value=1, name="yes", colour="#d55e00")],
        trained_on=({"name": "a made-up set", "licence": "CC-BY-4.0"},),
        scores=({"metric": "F1", "value": 0.5123, "data": "Paris", "interval": (0.41, 0.62)},),
    )
    product = swath.predict(pair, model)
    product.save(folder / "change.tif")
    product.vectors(folder / "change.gpkg", min_area=500)
    return product


@pytest.fixture(scope="module")
def places(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Product:
    """Four classes, of names that a page must not take for markup, on a picture without any place, not saved."""
    path = tmp_path_factory.mktemp("bare") / "bare.tif"
    with rasterio.open(own_data / "paris_2015.tif") as source:
        pixels = np.clip(source.read([3, 2, 1]) / 12, 0, 255).astype(np.uint8)[:, :180]
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", count=3, height=180, width=256) as target:
        target.write(pixels)
    scene = swath.open(path, sensor="aerial-rgb")
    names = ["water", "land", NASTY, "snow"]
    return swath.predict(scene, swath.Model.wrap(Levels(4), task="segmentation", like=scene, classes=names))


@pytest.fixture(scope="module")
def page(change: Product, places: Product) -> Path:
    assert change.path is not None
    parts = [Part(change, title="Change", text="Between two dates.", min_area=500), Part(places, title=NASTY)]
    return write_page(change.path.with_name("index.html"), parts, title="Two maps")


class Tags(HTMLParser):
    """All tags of a page, and whether what is open is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, Any]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input", "br", "rect", "line", "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect",):
            assert self.open.pop() == tag


def tags(page: Path) -> Tags:
    parser = Tags()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def test_a_page_holds_all_it_needs_and_its_links_lead_to_files(page: Path) -> None:
    found = tags(page)
    assert not found.open
    addresses = [value for _, attributes in found.found for key, value in attributes.items() if key in ("src", "href")]
    inside = [one for one in addresses if one.startswith(("data:image/", "#"))]
    beside = [one for one in addresses if one not in inside]
    assert sorted(beside) == ["change.confidence.tif", "change.gpkg", "change.tif", "change.tif.stac.json"]
    assert all((page.parent / one).is_file() for one in beside)
    assert not re.search(r"@import|url\(", page.read_text(encoding="utf-8"))


def test_what_comes_from_people_and_cards_is_no_markup(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert NASTY not in text
    assert "&lt;script&gt;alert" in text
    assert sum(tag == "script" for tag, _ in tags(page).found) == 1


def test_a_page_says_areas_scores_and_licences(page: Path, change: Product) -> None:
    text = re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8").split("</style>")[1])
    for name, hectares in change.areas().items():
        assert f"{name} " in text
        assert area_words(hectares * 10_000, in_metres=True) in text
    for words in ("CC0-1.0", "a made-up set (CC-BY-4.0)", "0.512", "(0.41 to 0.62)", "2015-08-01", "2018-05-01"):
        assert words in text
    shapes = change.to_geopandas(classes=["yes"], min_area=500)
    assert area_words(shapes["area_m2"].max(), in_metres=True) in text
    assert f"of {len(shapes)}" in text


@pytest.mark.parametrize(
    ("area", "words"),
    [
        (0.0, "0 ha"), (4.2, "4.2 m²"), (1000.0, "0.100 ha"), (12_345.0, "1.23 ha"), (99_950.0, "9.99 ha"),
        (123_456.0, "12.3 ha"), (98_765_432.0, "9,877 ha"),
    ],
)  # fmt: skip
def test_areas_have_three_digits(area: float, words: str) -> None:
    assert area_words(area, in_metres=True) == words


def test_a_page_of_values_shows_a_ramp_and_one_of_a_large_scene_its_overview(own_data: Path, tmp_path: Path) -> None:
    scene = swath.open(own_data / "paris_2015.tif", sensor=SENSOR)
    model = swath.Model.wrap(
        nn.Conv2d(4, 1, 1), task="regression", like=scene, layers=[{"name": "height", "units": "m"}]
    )
    written = swath.predict(scene, model).page(tmp_path / "height.html", size=100, title="Height")
    text = written.read_text(encoding="utf-8")
    assert "linear-gradient" in text
    assert "pictures are overviews" in text
    assert "data-width='100'" in text


def test_a_page_of_a_series_shows_when_change_was_first(own_data: Path, tmp_path: Path) -> None:
    with rasterio.open(own_data / "paris_2015.tif") as old, rasterio.open(own_data / "paris_2018.tif") as new:
        mixed = old.read()
        mixed[:, :, 128:] = new.read()[:, :, 128:]
        with rasterio.open(tmp_path / "mixed.tif", "w", **old.profile) as target:
            target.write(mixed)
            target.descriptions = old.descriptions
    paths = (own_data / "paris_2015.tif", tmp_path / "mixed.tif", own_data / "paris_2018.tif")
    series = swath.open(*paths, sensor=SENSOR, dates=["2015-08-01", "2016-08-01", "2018-05-01"])
    model = swath.Model.wrap(Brighter(), task="change", like=series.select(dates=[0, 1]), classes=["no", "yes"])
    product = swath.predict(series, model, pairs="consecutive")
    product.page(tmp_path / "page.html")
    found = tags(tmp_path / "page.html").found
    layers = [one["data-layer"] for name, one in found if name == "img" and "data-layer" in one]
    assert layers == ["first-change-0", "map-0", "map-1", "confidence-0"]
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    shown = re.search(r"<div class='of-layer' data-layer='first-change-0'>(.*?)</div>", text)
    assert shown is not None, "it is shown at first, so its legend is too"
    rows = re.findall(r"<tr><th scope='row'><i[^>]*></i>([^<]*)</th><td>([^<]*)</td><td>([^<]*)</td>", shown[1])
    assert [name for name, *_ in rows] == ["no change", "2016-08-01", "2018-05-01"]
    numbers = product.stored()["first-change"][0]
    cells = cell_areas(product.grid)
    assert cells is not None
    for value, (_, area, _) in enumerate(rows):
        assert area == area_words(float(((numbers == value).sum(axis=1) * cells).sum()), in_metres=True)
    assert all((numbers == value).any() for value in range(3))
    colours = re.findall(r"swatch' style='background:(#[0-9a-f]{6})'", shown[1])
    assert len(set(colours)) == 2, "no change is left clear"


def test_a_map_whose_scene_is_gone_is_shown_alone(change: Product, tmp_path: Path) -> None:
    assert change.path is not None
    for one in change.path.parent.glob("change*.tif"):
        (tmp_path / one.name).write_bytes(one.read_bytes())
    text = Product.open(tmp_path / "change.tif").page(tmp_path / "alone.html").read_text(encoding="utf-8")
    assert "class='handle'" not in text
    assert "No record tells what made this map." in text


def test_what_cannot_be_a_page_is_refused(change: Product, page: Path, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"ends with \.html"):
        change.page(tmp_path / "page.pdf")
    with pytest.raises(WriteError, match="exists already"):
        change.page(page)
    with pytest.raises(PredictError, match="at least one"):
        write_page(tmp_path / "none.html", [])
    assert not list(tmp_path.iterdir())


# In a real browser ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find()
    if program is None:
        pytest.skip("there is no Chromium or Chrome on the path, nor at CHROME_PATH")
    with Browser(program, tmp_path_factory.mktemp("profile")) as browser:
        browser.open(page)
        yield browser
        assert browser.complaints == []
        assert browser.requests == [page.as_uri()]


_DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


def middle(browser: Browser, selector: str) -> tuple[float, float]:
    """Where the first such element of the page is in the window, once it is scrolled to."""
    browser.run(f"document.querySelector('{selector}').scrollIntoView({{block: 'center', behavior: 'instant'}})")
    # What is drawn is what the mouse meets: measured before that, it would press where the element was.
    browser.run(_DRAWN)
    box = browser.run(
        f"(() => {{ const b = document.querySelector('{selector}').getBoundingClientRect();"
        "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    return float(box[0]), float(box[1])


def test_all_pictures_are_decoded_and_nothing_is_wider_than_the_window(opened: Browser) -> None:
    widths = opened.run("Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))")
    assert len(widths) == 7  # two dates, map, confidence; one date, map, confidence
    assert all(width == 256 for width in widths)
    before = opened.run("innerWidth")
    for width in (1360, 390):
        opened.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        opened.wait(f"innerWidth === {width}")
        assert opened.run("document.documentElement.scrollWidth") <= width
    opened.ask("Emulation.clearDeviceMetricsOverride")
    opened.wait(f"innerWidth === {before}")


def test_the_swipe_follows_mouse_and_keys(opened: Browser) -> None:
    shown = "getComputedStyle(document.querySelector('.pane[data-side=left]')).clipPath"
    cut = "Number(document.querySelector('.swipe').value)"
    before, (x, y) = opened.run(shown), middle(opened, ".handle svg")
    opened.drag((x, y), (x + 60, y))
    width = opened.run("document.querySelector('.stage').clientWidth")
    assert opened.run(shown) != before
    assert abs(opened.run(cut) - (50 + 100 * 60 / width)) <= 1.0
    held = opened.run(cut)
    opened.run("document.querySelector('.swipe').focus()")
    opened.press("ArrowRight")
    assert opened.run(cut) == held + 1


def test_layers_opacity_and_outlines_answer(opened: Browser) -> None:
    layers = "[...document.querySelectorAll('.over img')].slice(0, 2).map(i => i.offsetWidth > 0)"
    assert opened.run(layers) == [True, False]
    opened.click(middle(opened, ".choice label:nth-of-type(2)"))
    assert opened.run(layers) == [False, True]
    assert opened.run("document.querySelector('.ramp').offsetHeight") > 0
    opened.click(middle(opened, ".choice label:nth-of-type(1)"))
    opened.run(
        "(() => { const o = document.querySelector('.opacity'); o.value = 20; o.dispatchEvent(new Event('input')); })()"
    )
    assert opened.run("getComputedStyle(document.querySelector('.over img')).opacity") == "0.2"
    opened.click(middle(opened, ".outlines"))
    assert opened.run("getComputedStyle(document.querySelector('.marks path')).stroke") == "rgb(255, 255, 255)"


def test_a_shape_of_the_list_is_gone_to_and_left_again(opened: Browser) -> None:
    zoom = "Number(getComputedStyle(document.querySelector('.stage')).getPropertyValue('--s'))"
    opened.click(middle(opened, ".shapes button"))
    assert opened.run("document.querySelector('.shapes button').getAttribute('aria-pressed')") == "true"
    assert opened.run(zoom) > 1
    opened.wait("document.getAnimations().length === 0")
    inside = opened.run(
        "(() => { const s = document.querySelector('.stage').getBoundingClientRect();"
        "const p = document.querySelector('path.is-marked').getBoundingClientRect();"
        "return p.width > 4 && p.x >= s.x - 1 && p.right <= s.right + 1 && p.y >= s.y - 1 && p.bottom <= s.bottom + 1;"
        "})()"
    )
    assert inside
    opened.run("document.querySelector('.stage').focus()")
    opened.press("Escape")
    assert opened.run(zoom) == 1
    assert opened.run("document.querySelectorAll('path.is-marked').length") == 0


def test_everything_that_can_be_used_has_a_name(opened: Browser) -> None:
    nameless = opened.run(
        "[...document.querySelectorAll('button, input, select, a, img, [role]')].filter(e => !("
        "e.getAttribute('aria-label') || e.getAttribute('alt') || e.textContent.trim()"
        " || [...(e.labels ?? [])].some(l => l.textContent.trim()))).map(e => e.outerHTML)"
    )
    assert nameless == []
