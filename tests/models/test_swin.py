"""Swin computes what timm's and torchvision's compute, and takes their weights, its release's and OpenMMLab's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from timm.models import swin_transformer
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.swin_transformer import SwinTransformer as TorchvisionSwin

from swath.errors import CardError
from swath.models.swin import _TIMM, load_swin, swin_names
from swath.nn.swin import Merging, Swin

DEPTHS, HEADS = (2, 1, 2, 1), (1, 2, 4, 8)


def random(network: nn.Module) -> Any:
    """All weights at random, norms and biases too."""
    torch.manual_seed(0)
    for one in network.parameters():
        nn.init.normal_(one, 1.0 if one.ndim == 1 else 0.0, 0.1)
    return network.eval()


@pytest.fixture(scope="module")
def donor() -> SwinTransformer:
    options = {"always_partition": True, "strict_img_size": False}
    return random(SwinTransformer(128, embed_dim=8, depths=DEPTHS, num_heads=HEADS, window_size=4, **options))


def loaded(state: dict[str, Tensor], path: Path, window: int = 4) -> Swin:
    torch.save(state, path)
    encoder = Swin(3, 8, DEPTHS, HEADS, window)
    load_swin(encoder, str(path))
    return encoder.eval()


def test_it_is_timms(donor: SwinTransformer, tmp_path: Path) -> None:
    encoder = loaded(donor.state_dict(), tmp_path / "timm.pth")
    x = torch.randn(2, 3, 128, 128)  # windows fill all scales: timm fills up shifted maps elsewhere
    with torch.inference_mode():
        cells = donor.patch_embed(x)
        for stage, found in zip(donor.layers, encoder(x), strict=True):
            cells = stage(cells)
            wanted = F.layer_norm(cells, cells.shape[-1:]).permute(0, 3, 1, 2)  # norms of scales are not in the file
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(72, 104), (88, 60)])
def test_it_is_torchvisions_where_windows_reach_beyond_the_map(tmp_path: Path, height: int, width: int) -> None:
    theirs = random(TorchvisionSwin([4, 4], 8, list(DEPTHS), list(HEADS), [2, 2], stochastic_depth_prob=0.0))
    encoder = loaded(theirs.state_dict(), tmp_path / "torchvision.pth", window=2)
    x = torch.randn(2, 3, height, width)
    wanted = []
    with torch.inference_mode():
        cells = x
        for number, part in enumerate(theirs.features):
            cells = part(cells)
            if number % 2:
                wanted.append(F.layer_norm(cells, cells.shape[-1:]).permute(0, 3, 1, 2))
        for found, level in zip(encoder(x), wanted, strict=True):
            torch.testing.assert_close(found, level, rtol=1e-4, atol=1e-4)


def test_names_of_its_release_are_known(donor: SwinTransformer, tmp_path: Path) -> None:
    first = donor.state_dict()
    state: dict[str, Tensor] = {"patch_embed.proj.weight": first["patch_embed.proj.weight"]}
    for key, one in first.items():
        at = key.split(".")
        if "downsample" in at:
            at[1] = str(int(at[1]) - 1)
        state[".".join(at).replace("head.fc", "head")] = one
    state["layers.0.blocks.1.attn_mask"] = torch.zeros(1)
    state["layers.0.blocks.1.attn.relative_position_index"] = torch.zeros(16, 16, dtype=torch.long)
    wanted = loaded(first, tmp_path / "timm.pth").state_dict()
    found = loaded({f"model.{key}": one for key, one in state.items()}, tmp_path / "release.pth").state_dict()
    assert all(torch.equal(one, wanted[key]) for key, one in found.items())


def in_openmmlabs_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of timm as OpenMMLab has them: cells are joined as `F.unfold` gives them."""
    named = {}
    for key, one in state.items():
        at = key.replace("proj.", "projection.") if key.startswith("patch_embed") else key
        at = at.replace("attn.", "attn.w_msa.").replace("mlp.fc1", "ffn.layers.0.0").replace("mlp.fc2", "ffn.layers.1")
        if at.startswith("layers."):
            number, rest = at.split(".", 2)[1:]
            joins = rest.startswith("downsample.")
            at = f"stages.{int(number) - joins}.{rest}"
            if joins:  # from cells (0, 0), (1, 0), (0, 1), (1, 1) of all features each to four cells of each feature
                four = one.unflatten(-1, (4, -1))
                one = torch.stack([four[..., cell, :] for cell in (0, 2, 1, 3)], -1).flatten(-2)
        named[at] = one
    return named


def test_names_and_order_of_openmmlab_are_known(donor: SwinTransformer, tmp_path: Path) -> None:
    first = donor.state_dict()
    wanted = loaded(first, tmp_path / "timm.pth").state_dict()
    theirs = {f"state_dict.backbone.{key}": one for key, one in in_openmmlabs_names(first).items()}
    theirs |= {"state_dict.backbone.norm2.weight": torch.full([32], 3.0), "state_dict.decode_head.x": torch.ones(1)}
    found = loaded(theirs, tmp_path / "openmmlab.pth").state_dict()
    assert float(found.pop("hidden_states_norms.stage3.weight").mean()) == 3
    assert all(torch.equal(one, wanted[key]) for key, one in found.items())


def test_openmmlab_joins_cells_as_unfold_does() -> None:
    torch.manual_seed(0)
    width, x = 3, torch.randn(2, 3, 6, 8)
    weight, scale, shift = torch.randn(6, 12), torch.randn(12), torch.randn(12)
    cells = F.unfold(x, 2, stride=2).transpose(1, 2)
    wanted = F.linear(F.layer_norm(cells, (12,), scale, shift), weight).unflatten(1, (3, 4))
    names = {"reduction.weight": weight, "norm.weight": scale, "norm.bias": shift}
    taken = swin_names({f"stages.0.downsample.{key}": one for key, one in names.items()})
    merging = Merging(width)
    merging.load_state_dict({key.removeprefix("encoder.layers.0.downsample."): one for key, one in taken.items()})
    torch.testing.assert_close(merging(x.permute(0, 2, 3, 1)), wanted)


def test_tables_for_another_window_are_interpolated(donor: SwinTransformer, tmp_path: Path) -> None:
    state = donor.state_dict()
    table = "layers.2.blocks.1.attn.relative_position_bias_table"
    rows = torch.arange(7.0).repeat_interleave(7)[:, None].repeat(1, 4)  # how far below a cell lies
    found = loaded({**state, table: rows}, tmp_path / "a.pth", window=6).state_dict()
    wide = found["encoder.layers.2.blocks.1.attention.self.relative_position_bias_table"].T.unflatten(1, (11, 11))
    assert float(wide[0, 5, 5]) == pytest.approx(3)  # no difference is in the middle
    assert bool((wide.diff(dim=1) > 0).all())
    torch.testing.assert_close(wide, wide[:, :, :1].expand_as(wide))


def test_what_does_not_fit_is_told(donor: SwinTransformer, tmp_path: Path) -> None:
    state = donor.state_dict()
    del state["layers.1.downsample.reduction.weight"]
    with pytest.raises(CardError, match=r"1 missing \(encoder.layers.0.downsample.reduction.weight"):
        loaded(state, tmp_path / "a.pth")
    with pytest.raises(
        CardError, match=r"no published weights of Swin of width 8, depths \(2, 1, 2, 1\) and windows of 4"
    ):
        load_swin(Swin(3, 8, DEPTHS, HEADS, 4), "ms_in1k")


@pytest.mark.parametrize("kind", _TIMM)
def test_published_weights_are_of_that_size(
    kind: tuple[int, tuple[int, ...], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {}
    monkeypatch.setattr(swin_transformer, "_create_swin_transformer", lambda *names, **config: made.update(config))
    getattr(swin_transformer, _TIMM[kind])()
    assert (made["embed_dim"], made["depths"], made["window_size"]) == kind
    assert made["num_heads"] == tuple(made["embed_dim"] * 2**scale // 32 for scale in range(4))


def test_published_weights_are_asked_for_by_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("swath.models.swin.timm_weights", lambda *names: asked.append(names) or {"a": torch.ones(1)})
    with torch.device("meta"):
        encoder = Swin()
    with pytest.raises(CardError, match="the weights do not fit"):
        load_swin(encoder, "ms_in1k")
    assert asked == [("swin_tiny_patch4_window7_224", "ms_in1k")]
