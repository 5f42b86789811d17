"""A record is enough to make its product again, and says so when it is not."""

from __future__ import annotations

import http.server
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox

import swath
from swath.errors import CardError, OpenError, PredictError
from swath.predict.inputs import fingerprint
from swath.predict.product import Product
from swath.predict.verify import again, rebuild, verify
from swath.scene.write.record import record_path

from .stand_in import FakeModel, FakeRun, fake_predict

GIVEN: dict[str, Any] = {"predict": fake_predict, "model": FakeModel()}


@pytest.fixture
def folder(shared_data: Path, tmp_path: Path) -> Path:
    """A folder with two images and the product made from them, which can be moved as a whole."""
    home = tmp_path / "home"
    (home / "images").mkdir(parents=True)
    for name in ("paris_t1.tif", "paris_t2.tif"):
        shutil.copyfile(shared_data / "oscd_s2_4band" / name, home / "images" / name)
    scene = swath.open(
        home / "images" / "paris_t1.tif",
        home / "images" / "paris_t2.tif",
        sensor="sentinel-2-l1c@pre-04.00",
        bands=["B02", "B03", "B04", "B08"],
    )
    fake_predict(scene.select(window=np.s_[10:400, 0:390]), FakeModel()).save(home / "change.tif")
    return home


def test_again_makes_the_same_even_after_a_move(folder: Path, tmp_path: Path) -> None:
    moved = folder.rename(tmp_path / "elsewhere")
    again(record_path(moved / "change.tif"), tmp_path / "again.tif", **GIVEN)
    for name in ("{}.tif", "{}.confidence.tif"):
        with (
            rasterio.open(moved / name.format("change")) as old,
            rasterio.open(tmp_path / name.format("again")) as new,
        ):
            np.testing.assert_array_equal(old.read(), new.read())
            assert old.transform == new.transform


def test_verify_makes_only_a_share_again(folder: Path) -> None:
    made: list[FakeRun] = []

    def predict(scene: swath.Scene, model: FakeModel, **options: Any) -> Product:
        made.append(FakeRun(scene, model, options))
        return Product.of(made[0])

    found = verify(folder / "change.tif", 0.2, model=FakeModel(), predict=predict)
    assert (found.tiles, found.of, found.ok) == (5, 25, True)
    assert made[0].done == ["read"] * 5
    assert found.same == {"change": 1.0, "confidence/confidence": 1.0}
    assert found.largest == {"change": 0.0, "confidence/confidence": 0.0}
    assert "5 of 25 tiles" in str(found)
    assert verify(folder / "change.tif", **GIVEN).tiles == 1
    everything = verify(folder / "change.tif", 1.0, seed=3, **GIVEN)
    assert everything.pixels == 390 * 390


def test_verify_sees_a_map_that_was_changed(folder: Path) -> None:
    with rasterio.open(folder / "change.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        classes = dataset.read(1)
        classes[200:260, 100:160] = 1 - classes[200:260, 100:160]
        dataset.write(classes, 1)
    found = verify(folder / "change.tif", 1.0, **GIVEN)
    assert not found.ok
    assert found.same["change"] == pytest.approx(1 - 3600 / 390**2)
    assert found.same["confidence/confidence"] == 1
    assert "NOT" in str(found)


def test_inputs_that_changed_are_named(folder: Path) -> None:
    image = folder / "images" / "paris_t2.tif"
    kept = image.read_bytes()
    image.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(PredictError, match=r"paris_t2\.tif is not what the product was made from: sha256"):
        verify(folder / "change.tif", **GIVEN)
    image.write_bytes(kept + b"!")
    with pytest.raises(PredictError, match=r"bytes is \d+ and was \d+"):
        again(folder / "change.tif", folder / "new.tif", **GIVEN)
    image.unlink()
    with pytest.raises(PredictError, match=r"paris_t2\.tif is not there.*scene="):
        rebuild(folder / "change.tif", **GIVEN)
    assert not (folder / "new.tif").exists()
    image.write_bytes(kept)
    assert verify(folder / "change.tif", **GIVEN).ok


def test_weights_that_changed_or_are_gone_are_named(folder: Path) -> None:
    with pytest.raises(
        PredictError, match=r"weights of difference are not those.*hash is [0-9a-f]{12} and was [0-9a-f]{12}"
    ):
        rebuild(folder / "change.tif", predict=fake_predict, model=FakeModel(41.0))
    with pytest.raises(PredictError, match="does not say where the weights of difference are"):
        rebuild(folder / "change.tif", predict=fake_predict)
    path = record_path(folder / "change.tif")
    told = json.loads(path.read_text())
    told["properties"]["swath:model"]["source"] = "weights/difference.swath"
    path.write_text(json.dumps(told))
    with pytest.raises(PredictError, match=r"cannot be loaded.*model=") as caught:
        rebuild(folder / "change.tif", predict=fake_predict)
    assert isinstance(caught.value.__cause__, CardError)


def test_records_that_are_not_there_or_not_ours(folder: Path) -> None:
    with pytest.raises(OpenError, match="record"):
        verify(folder / "images" / "paris_t1.tif", **GIVEN)
    path = record_path(folder / "change.tif")
    told = json.loads(path.read_text())
    del told["properties"]["swath:options"]
    path.write_text(json.dumps(told))
    with pytest.raises(PredictError, match="swath:options"):
        verify(folder / "change.tif", **GIVEN)


def test_files_that_do_not_belong_are_named(folder: Path) -> None:
    (folder / "change.confidence.tif").unlink()
    with pytest.raises(PredictError, match="a file is missing"):
        verify(folder / "change.tif", **GIVEN)
    with pytest.raises(PredictError, match="share"):
        verify(folder / "change.tif", 0, **GIVEN)


def test_scenes_in_memory_must_be_given(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    grid = GeoBox.from_bbox((500_000, 0, 501_000, 1_000), "EPSG:32631", resolution=10)
    scene = swath.Scene.from_array(rng.random((2, 4, 100, 100), dtype=np.float32), grid, bands=["a", "b", "c", "d"])
    path = fake_predict(scene, FakeModel()).save(tmp_path / "change.tif")
    with pytest.raises(PredictError, match="scene in memory"):
        verify(path, **GIVEN)
    assert verify(path, 1.0, scene=scene, **GIVEN).ok
    assert Product.open(path).scene is None


def test_what_inputs_are_known_by(shared_data: Path, tmp_path: Path) -> None:
    image = tmp_path / "a.tif"
    shutil.copyfile(shared_data / "oscd_s2_4band" / "paris_t1.tif", image)
    by_path = fingerprint(str(image))
    assert by_path["bytes"] == image.stat().st_size
    assert fingerprint(f'NETCDF:"{image}":ndvi') == by_path
    assert fingerprint(f"/vsizip/{image}/inside/b.tif") == by_path
    assert fingerprint("array") == {}
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(2**27)
    before = fingerprint(str(large))
    assert "sha256" not in before
    with large.open("r+b") as file:
        file.write(b"1")
    assert fingerprint(str(large))["sampled_sha256"] != before["sampled_sha256"]
    store = tmp_path / "store.zarr"
    store.mkdir()
    (store / "zarr.json").write_text("{}")
    listing = fingerprint(str(store))["listing"]
    (store / "zarr.json").write_text("{ }")
    assert fingerprint(str(store))["listing"] != listing


def test_what_inputs_on_a_server_are_known_by() -> None:
    class Server(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1234")
            self.send_header("ETag", '"abc"')
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/scene.tif"
        assert fingerprint(url) == {"kind": "url", "bytes": 1234, "etag": '"abc"'}
        server.shutdown()
    assert fingerprint(url) == {}
