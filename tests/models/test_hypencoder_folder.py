from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from augury.errors import ModelError, ModelFetchError, ModelNotFound
from augury.models.hypencoder import Hypencoder, HypencoderNetwork, load_network

Tiny = Callable[..., Path]


def change_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def weights_of(folder: Path) -> dict[str, Tensor]:
    # Copies, as the tensors of a file are views of it and the tests write into it.
    return {name: tensor.clone() for name, tensor in load_file(folder / "model.safetensors").items()}


def change_weights(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    weights = weights_of(folder)
    change(weights)
    save_file(weights, folder / "model.safetensors")


def drop(weights: dict[str, Tensor], start: str) -> None:
    for name in [name for name in weights if name.startswith(start)]:
        del weights[name]


def test_sides_that_are_not_shared_keep_their_own_weights(tiny: Tiny, tmp_path: Path) -> None:
    network = HypencoderNetwork.from_base(str(tiny()), hidden_layers=1, shared=False)
    with torch.no_grad():
        for parameter in network.passage_encoder.parameters():
            parameter.mul_(1.1)
    network.save(tmp_path / "saved")
    again = load_network(tmp_path / "saved").state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in network.state_dict().items())
    change_weights(tmp_path / "saved", lambda weights: drop(weights, "passage_encoder."))
    with pytest.raises(ModelError, match="passage_encoder"):
        load_network(tmp_path / "saved")


@pytest.mark.parametrize("side", ["query_encoder.transformer.", "passage_encoder.transformer."])
def test_a_shared_transformer_may_be_there_once(saved: Path, side: str) -> None:
    expected = load_network(saved).state_dict()
    change_weights(saved, lambda weights: drop(weights, side))
    found = load_network(saved).state_dict()
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_poolers_are_not_needed_and_other_strangers_not_taken(saved: Path) -> None:
    def without_pooler(weights: dict[str, Tensor]) -> None:
        for name in [name for name in weights if ".pooler." in name]:
            del weights[name]

    change_weights(saved, without_pooler)
    network = load_network(saved)
    assert not any(".pooler." in name for name in network.state_dict())
    Hypencoder(network, name="tiny", revision="1").encode_documents(["w1"])
    position_ids = "query_encoder.transformer.embeddings.position_ids"
    change_weights(saved, lambda weights: weights.update({position_ids: torch.arange(64)}))
    load_network(saved)
    change_weights(saved, lambda weights: weights.update({"query_encoder.colour": torch.ones(1)}))
    with pytest.raises(ModelError, match=r"1 tensors .* query_encoder\.colour"):
        load_network(saved)


def test_missing_tensors_are_counted_and_three_are_named(saved: Path) -> None:
    change_weights(saved, lambda weights: drop(weights, "query_encoder.key_projections"))
    with pytest.raises(ModelError, match=r"lacks 10 .*key_projections\.0\.weight, .*, .*1\.weight\."):
        load_network(saved)


def test_another_shape_is_named(saved: Path) -> None:
    name = "query_encoder.hyper_base_matrices.0"
    change_weights(saved, lambda weights: weights.update({name: torch.ones(1, 4, 4)}))
    with pytest.raises(ModelError, match=r"hyper_base_matrices\.0 .*\(1, 4, 4\), not \(1, 16, 16\)"):
        load_network(saved)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda config: config.pop("query_encoder_kwargs"), "not that of a Hypencoder.*query_encoder_kwargs"),
        (lambda config: config["query_encoder_kwargs"].update(qnet="lost"), "no q-net called 'lost'"),
        (lambda config: config["query_encoder_kwargs"].update(converter_kwargs=[1]), "cannot be read"),
        (lambda config: config["query_encoder_kwargs"].update(base_encoder_output_dim=8), "do not fit"),
        (lambda config: config["passage_encoder_kwargs"].update(pooling_type="max"), "Use cls or mean"),
        (lambda config: config.update(max_query_tokens="many"), "cannot be read"),
        (lambda config: config["base_config"].update(model_type="unheard"), "unheard"),
        (lambda config: config["base_config"].update(num_attention_heads=3), "cannot be made"),
    ],
)
def test_a_config_that_does_not_fit_says_so(
    saved: Path, change: Callable[[dict[str, Any]], object], what: str
) -> None:
    change_config(saved, change)
    with pytest.raises(ModelError, match=what):
        load_network(saved)


def test_damaged_files_are_named(saved: Path, tmp_path: Path) -> None:
    weights = weights_of(saved)
    (saved / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match=r"model\.safetensors cannot be read"):
        load_network(saved)
    (saved / "model.safetensors").unlink()
    with pytest.raises(ModelNotFound, match="no weights"):
        load_network(saved)
    torch.save({"weights": Path("anything but tensors")}, saved / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin is a pickle of more than tensors"):
        load_network(saved)
    torch.save({"epoch": 3}, saved / "pytorch_model.bin")
    with pytest.raises(ModelError, match="state dict"):
        load_network(saved)
    save_file(weights, saved / "model.safetensors")
    (saved / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="tokenizer"):
        load_network(saved)
    (saved / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        load_network(saved)
    (saved / "config.json").unlink()
    with pytest.raises(ModelError, match=r"has no config\.json"):
        load_network(saved)


@pytest.mark.parametrize("base", ["nobody/nothing", "./elsewhere", ""])
def test_a_base_that_is_away_is_named(saved: Path, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUGURY_OFFLINE", "1")

    def forget(config: dict[str, Any]) -> None:
        del config["base_config"]
        config["query_encoder_kwargs"]["model_name_or_path"] = base

    change_config(saved, forget)
    with pytest.raises(ModelNotFound, match=f"base model '?{base}"):
        load_network(saved)


def test_a_hub_that_is_away_is_said(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("augury.models.hypencoder_base._cached", lambda _: None)
    monkeypatch.setattr("augury.models.hypencoder_base.HUB_TIMEOUT_S", 0.001)
    monkeypatch.setenv("AUGURY_OFFLINE", "0")

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", refuse)
    change_config(saved, lambda config: config.pop("base_config"))
    change_config(saved, lambda config: config["query_encoder_kwargs"].update(model_name_or_path="a/base"))
    with pytest.raises(ModelFetchError, match=r"a/base.*ConnectionError"):
        load_network(saved)


def test_a_base_must_be_a_whole_encoder(tiny: Tiny) -> None:
    folder = tiny()
    change_weights(folder, lambda weights: drop(weights, "encoder.layer.0.attention"))
    with pytest.raises(ModelError, match=r"lacks 10 tensors"):
        HypencoderNetwork.from_base(str(folder))
    (folder / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="cannot be loaded as a base"):
        HypencoderNetwork.from_base(str(folder))


def test_saving_replaces_a_hypencoder_and_nothing_else(network: HypencoderNetwork, tmp_path: Path) -> None:
    with torch.no_grad():
        network.query_encoder.hyper_base_matrices[0].zero_()
    network.save(tmp_path / "saved")
    network.save(tmp_path / "saved")
    assert not load_network(tmp_path / "saved").state_dict()["query_encoder.hyper_base_matrices.0"].any()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/one.txt").write_text("dear")
    with pytest.raises(ModelError, match="something else"):
        network.save(tmp_path / "letters")
    assert (tmp_path / "letters/one.txt").read_text() == "dear"


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("converter_kwargs", {"vector_dimensions": None}),
        ("converter_kwargs", {"vector_dimensions": [16.0, 16.0, 1]}),
        ("converter_kwargs", {"vector_dimensions": [16, 16, 1], "activation_type": ["relu"]}),
        ("max_query_tokens", -1),
        ("max_passage_tokens", 0),
    ],
)
def test_a_config_that_cannot_be_is_one_sentence(saved: Path, where: str, value: object) -> None:
    config = json.loads((saved / "config.json").read_text())
    (config["query_encoder_kwargs"] if where == "converter_kwargs" else config)[where] = value
    (saved / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError) as caught:
        load_network(saved)
    assert "\n" not in str(caught.value)
