"""Cards: what is written is read again, wrong data are refused in one sentence, and other catalogues can read them."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pystac
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pystac.extensions.mlm import MLMExtension

from swath.errors import CardError
from swath.models import (
    Card,
    CardBand,
    ClassLabel,
    Dataset,
    DatesRule,
    GsdRule,
    Input,
    Layer,
    MeanStd,
    MinMax,
    Output,
    ReceptiveField,
    Score,
    TileRule,
)
from swath.sensors import find_sensor

CLASSES = (ClassLabel(value=0, name="land", colour="#aa8844"), ClassLabel(value=7, name="water", colour="#0044ff"))
S2 = [band for band in find_sensor("sentinel-2-l2a").bands if band.name in ("B02", "B03", "B04", "B08")]

SEGMENT = Card(
    name="water-s2",
    title="Water on Sentinel-2",
    architecture="U-Net",
    task="segmentation",
    inputs=(
        Input(
            bands=tuple(CardBand.of(band, MeanStd(mean=0.1, std=0.05), clip=(0, 1)) for band in S2),
            gsd=GsdRule.around(10),
            sensors=("sentinel-2-l2a",),
        ),
    ),
    output=Output(kind="classes", classes=CLASSES, ignore_value=255),
    field=ReceptiveField(radius=311, halo=288, effective_radius=128, bound=4e-4, stride=32),
    tile=TileRule(size=512, multiple=32),
    licence="Apache-2.0",
    source=("arXiv:1505.04597",),
    trained_on=(Dataset(name="Some set", licence="CC-BY-4.0"),),
    scores=(Score(metric="mIoU", value=0.81, data="Some set, test", interval=(0.78, 0.84)),),
)
CHANGE = Card(
    name="sar-change",
    task="change",
    inputs=(
        Input(
            bands=(CardBand(name="VV", polarisation="VV", units="db", normalisation=MinMax(min=-25, max=0)),),
            dates=DatesRule(min=2, max=2, given="arguments"),
        ),
    ),
    output=Output(kind="binary", classes=CLASSES),
    field=ReceptiveField(reason="it sees the whole tile"),
)
HEIGHT = Card(
    name="two-grids",
    task="regression",
    inputs=(
        Input(name="image", bands=(CardBand(name="red", units="display"),)),
        Input(name="series", bands=(CardBand(name="NDVI", units="index"),), dates=DatesRule(min=3, max=None)),
    ),
    output=Output(kind="values", layers=(Layer(name="height", units="metre", mean=12, std=5),), scale=Fraction(1, 4)),
    takes=("days",),
)
EMBED = Card(
    name="any-bands",
    task="embedding",
    inputs=(Input(any_bands=CardBand(name="any", units="reflectance", wavelength=(400, 900, 2500))),),
    output=Output(kind="embedding", dimensions=768, scale=None),
    takes=("wavelengths", "gsd"),
    tile=TileRule(size=224, fixed=True),
)
LABELS = Card(
    name="scenes",
    task="classification",
    inputs=(Input(bands=(CardBand(name="red", units="display", clip=(0, 255)),)),),
    output=Output(kind="labels", classes=CLASSES),
)
CARDS = [SEGMENT, CHANGE, HEIGHT, EMBED, LABELS]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_json_and_stac_give_the_same_card_again(card: Card, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(card.to_json(), encoding="utf-8")
    assert Card.read(tmp_path / "card.json") == card
    item = pystac.Item.from_dict(json.loads(json.dumps(card.to_stac().to_dict())))
    assert Card.from_stac(item) == card


@given(
    mean=st.floats(-1e6, 1e6),
    std=st.floats(1e-6, 1e6),
    scale=st.fractions(Fraction(1, 64), 64),
    value=st.integers(0, 65535),
    name=st.text(min_size=1),
)
def test_any_numbers_and_names_survive(mean: float, std: float, scale: Fraction, value: int, name: str) -> None:
    band = CardBand(name=name, units="dn", normalisation=MeanStd(mean=mean, std=std))
    classes = (ClassLabel(value=value, name=name), ClassLabel(value=(value + 1) % 65536, name=name + "x"))
    output = Output(kind="classes", classes=classes, scale=scale, activation="none")
    card = Card(name="own", task="segmentation", inputs=(Input(bands=(band,)),), output=output)
    assert Card.parse(card.to_json()) == card
    assert Card.from_stac(card.to_stac()) == card


def test_other_catalogues_can_read_the_item() -> None:
    item = SEGMENT.to_stac(weights="https://example.org/water-s2.swath")
    told = MLMExtension.ext(item)
    assert told.mlm_name == "water-s2"
    assert told.architecture == "U-Net"
    assert [str(task) for task in told.tasks] == ["semantic-segmentation"]
    assert told.input[0].bands == ["B02", "B03", "B04", "B08"]
    assert told.input[0].input.shape == [-1, 4, -1, -1]
    assert [label.value for label in told.output[0].classes or []] == [0, 7]
    properties = item.properties
    assert [band["eo:common_name"] for band in properties["bands"]] == ["blue", "green", "red", "nir"]
    assert properties["bands"][2]["eo:center_wavelength"] == pytest.approx(0.665, abs=0.001), "in µm"
    assert properties["mlm:input"][0]["value_scaling"][0]["expression"] == "(min(max(x, 0.0), 1.0) - 0.1) / 0.05"
    assert item.assets["weights"].href == "https://example.org/water-s2.swath"
    assert EMBED.to_stac().properties["mlm:input"][0]["input"]["shape"] == [-1, -1, 224, 224]
    assert HEIGHT.to_stac().properties["mlm:input"][1]["input"]["shape"] == [-1, -1, 1, -1, -1]
    assert CHANGE.to_stac().properties["mlm:input"][0]["value_scaling"] == [
        {"type": "min-max", "minimum": -25.0, "maximum": 0.0}
    ]


def test_foreign_items_and_files_are_refused(tmp_path: Path) -> None:
    item = SEGMENT.to_stac()
    del item.properties["swath:card"]
    with pytest.raises(CardError, match="water-s2 has no property 'swath:card'"):
        Card.from_stac(item)
    with pytest.raises(CardError, match="cannot read the card"):
        Card.read(tmp_path / "none.json")
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe")
    with pytest.raises(CardError, match="cannot read the card"):
        Card.read(tmp_path / "bad.json")
    with pytest.raises(CardError, match=r"^cut: Invalid JSON"):
        Card.parse(SEGMENT.to_json()[:100], "cut")


RED = CardBand(name="red", units="display")
WRONG = {
    "CardBand: units: unknown units 'foo'; known: reflectance": lambda: CardBand(name="x", units="foo"),
    "Input: bands.0.units: unknown units 'foo'": lambda: Input(bands=({"name": "x", "units": "foo"},)),  # type: ignore[arg-type]
    "CardBand: clip must be": lambda: CardBand(name="x", units="dn", clip=(1, 0)),
    "CardBand: wavelength: must be (min": lambda: CardBand(name="x", units="dn", wavelength=(700, 600, 500)),
    "MeanStd: std: Input should be greater than 0": lambda: MeanStd(mean=0, std=0),
    "MeanStd: mean: Input should be a finite number": lambda: MeanStd(mean=float("nan"), std=1),
    "MinMax: min 3 must be less than max 3": lambda: MinMax(min=3, max=3),
    "DatesRule: max 1 is less than min 2": lambda: DatesRule(min=2, max=1),
    "GsdRule: min, nominal, max": lambda: GsdRule(nominal=1, min=2, max=3),
    "Input: say either bands= or any_bands=": lambda: Input(bands=(RED,), any_bands=RED),
    "Input: band names are not unique: red, red": lambda: Input(bands=(RED, RED)),
    "Output: an output of kind 'values' needs layers": lambda: Output(kind="values", classes=CLASSES),
    "Output: a binary output needs two classes": lambda: Output(kind="binary", classes=CLASSES[:1]),
    "Output: the values of the classes are not unique": lambda: Output(kind="classes", classes=CLASSES + CLASSES),
    "Output: ignore_value 7 is also": lambda: Output(kind="classes", classes=CLASSES, ignore_value=7),
    "Output: scale None does not go": lambda: Output(kind="classes", classes=CLASSES, scale=None),
    "Output: scale 1 does not go": lambda: Output(kind="labels", classes=CLASSES, scale=Fraction(1)),
    "Output: threshold goes": lambda: Output(kind="classes", classes=CLASSES, threshold=0.5),
    "ReceptiveField: halo 30 is not a multiple": lambda: ReceptiveField(radius=30, halo=30, stride=4),
    "ReceptiveField: effective_radius 8 exceeds": lambda: ReceptiveField(effective_radius=8, bound=0.1),
    "ReceptiveField: effective_radius and bound": lambda: ReceptiveField(effective_radius=8),
    "ReceptiveField: radius and halo": lambda: ReceptiveField(radius=8),
    "TileRule: size 500 is not a multiple of 32": lambda: TileRule(size=500, multiple=32),
    "Card: task 'change' needs an output of kind 'binary' or 'classes'; found 'values'": lambda: CHANGE.with_(
        output=HEIGHT.output
    ),
    "Card: inputs must be one or more, with unique names; found none": lambda: CHANGE.with_(inputs=()),
    "Card: name: String should match": lambda: CHANGE.with_(name="has space"),
    "Card: licens: Extra inputs are not permitted": lambda: CHANGE.with_(licens="MIT"),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_cards_are_refused_in_one_sentence(message: str) -> None:
    with pytest.raises(CardError) as caught:
        WRONG[message]()
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_wrong_field_in_a_file_is_named_with_its_path() -> None:
    text = SEGMENT.to_json().replace('"units": "reflectance"', '"units": "reflectanse"', 1)
    with pytest.raises(CardError, match=r"^mine\.json: inputs\.0\.bands\.0\.units: unknown units 'reflectanse'"):
        Card.parse(text, "mine.json")


def test_cards_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        SEGMENT.name = "other"  # type: ignore[misc]
    changed = SEGMENT.with_(licence="MIT")
    assert (changed.licence, SEGMENT.licence) == ("MIT", "Apache-2.0")
    assert changed.with_(licence="Apache-2.0") == SEGMENT


def test_defaults_fit_the_kind() -> None:
    assert (LABELS.output.per_tile, LABELS.output.activation) == (True, "softmax")
    assert (CHANGE.output.activation, CHANGE.output.threshold, CHANGE.output.channels) == ("sigmoid", 0.5, 1)
    assert (EMBED.output.channels, HEIGHT.output.channels, SEGMENT.output.channels) == (768, 1, 2)
    assert SEGMENT.sensors == ("sentinel-2-l2a",)
    assert [HEIGHT.inputs[1].dates.allows(count) for count in (2, 3, 400)] == [False, True, True]


def test_a_card_in_words() -> None:
    lines = SEGMENT.describe().splitlines()
    assert lines[0] == "water-s2 1: Water on Sentinel-2"
    text = SEGMENT.describe()
    for phrase in (
        "one date, GSD 10 m (5 to 20 m), seen by sentinel-2-l2a",
        "reflectance, clipped to 0..1, mean 0.1, std 0.05",
        "0 land, 7 water",
        "311 px around, in steps of 32 px; beyond 128 px the output moves by at most 0.0004 of its spread",
        "512 px, multiples of 32 px",
        "Some set (CC-BY-4.0)",
        "0.81 (0.78 to 0.84) on Some set, test",
    ):
        assert phrase in text
    assert "2 dates in order, GSD not recorded" in CHANGE.describe()
    assert "the whole tile (it sees the whole tile)" in CHANGE.describe()
    assert "3 to any number of dates in order" in HEIGHT.describe()
    assert "4 times coarser than the input" in HEIGHT.describe()
    assert "224 px and nothing else" in EMBED.describe()
    assert "licence not stated" in " ".join(CHANGE.describe().split())


def test_cards_and_names_need_no_torch() -> None:
    code = (
        "import sys, swath.models as m; m.Card.read(sys.argv[1]).to_stac(); m.names(); m.describe('unet');"
        "sys.exit('torch' in sys.modules or 'rasterio' in sys.modules)"
    )
    path = Path(__file__).with_name("card.json")
    assert path.read_text(encoding="utf-8") == SEGMENT.to_json() + "\n", (
        "this file is the card above, as written in 0.1"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0
