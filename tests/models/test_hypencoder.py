from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModel

import augury.models.hypencoder as module
from augury.errors import ModelError, ModelOutputError
from augury.models.hypencoder import Hypencoder, HypencoderNetwork, load_hypencoder, load_network
from augury.models.qnet import Shapes, register_qnet
from augury.models.reranker import MadeQNet, QNetMaker, VectorReranker
from augury.schemas.points import FloatArray

Tiny = Callable[..., Path]
DIM = 16
QUERIES = ["w1 w2 w3", "w4", "w5 w6 w7 w8 w9", "w10 w11"]
TEXTS = [f"w{number} " * (number % 7 + 1) + f"w{94 - number}" for number in range(20)]
rng = np.random.default_rng(0)


def near(found: FloatArray, expected: FloatArray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def wrap(network: HypencoderNetwork) -> Hypencoder:
    return Hypencoder(network, name="tiny", revision="1")


def vectors(count: int) -> FloatArray:
    return rng.standard_normal((count, DIM)).astype(np.float32)


def test_it_is_a_vector_reranker(saved: Path) -> None:
    model: VectorReranker = load_hypencoder(str(saved))
    assert (model.name, model.dim) == (str(saved), DIM)
    assert len(model.revision) == 64
    found = model.encode_documents(TEXTS)
    assert found.shape == (len(TEXTS), DIM) and found.dtype == np.float32
    scores = model.score(QUERIES, [found] * len(QUERIES))
    assert all(own.shape == (len(TEXTS),) and own.dtype == np.float32 for own in scores)
    assert model.encode_documents([]).shape == (0, DIM)
    assert model.score([], []) == []
    assert np.ptp(np.stack(scores), axis=1).min() > 0


def test_candidates_do_not_tie_where_the_encoder_computes_in_bfloat16(saved: Path) -> None:
    items = np.repeat(vectors(1), 200, axis=0) + rng.normal(scale=1e-2, size=(200, DIM)).astype(np.float32)
    scores = load_hypencoder(str(saved), dtype="bfloat16").score(["w1"], [items])[0]
    assert len(set(scores.tolist())) > 190


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_a_vector_is_independent_of_padding_and_batch(pooling: Any, tiny: Tiny) -> None:
    network = HypencoderNetwork.from_base(str(tiny()), hidden_layers=1, pooling=pooling)
    together = wrap(network).encode_documents(TEXTS)
    alone = np.concatenate([wrap(network).encode_documents([text]) for text in TEXTS])
    small = Hypencoder(network, name="tiny", revision="1", max_tokens_per_batch=20).encode_documents(TEXTS)
    near(together, alone)
    near(small, alone)


def test_the_mean_is_that_of_the_texts_own_tokens(tiny: Tiny) -> None:
    folder = tiny()
    network = HypencoderNetwork.from_base(str(folder), hidden_layers=1, pooling="mean").eval()
    ids = torch.tensor([[2, 7, 8, 3, 0, 0]])
    with torch.no_grad():
        found = network.passage_vectors(ids, (ids != 0).long())
        states = AutoModel.from_pretrained(folder).eval()(input_ids=ids[:, :4]).last_hidden_state
    torch.testing.assert_close(found, states.mean(dim=1), rtol=1e-5, atol=1e-5)


def test_each_query_scores_its_own_candidates(network: HypencoderNetwork) -> None:
    model = wrap(network)
    candidates = [vectors(3), np.empty((0, DIM), np.float32), vectors(7), vectors(3)]
    scores = model.score(QUERIES, candidates)
    assert [len(own) for own in scores] == [3, 0, 7, 3]
    for query, own, found in zip(QUERIES, candidates, scores, strict=True):
        near(found, model.score([query], [own])[0])
        if len(own):
            near(found, model.score_all([query], own)[0])
    assert [len(own) for own in model.score(QUERIES[:2], [np.empty((0,), np.float32)] * 2)] == [0, 0]


def test_shared_candidates_score_as_own_ones(network: HypencoderNetwork) -> None:
    model, items = wrap(network), vectors(11)
    items.flags.writeable = False  # as arrays of a mapped file are
    shared = model.score_all(QUERIES, items)
    assert shared.shape == (4, 11)
    for found, expected in zip(shared, model.score(QUERIES, [items] * 4), strict=True):
        near(found, expected)
    assert model.score_all(QUERIES, items[:0]).shape == (4, 0)
    assert model.score_all([], items).shape == (0, 11)


def test_a_q_net_made_once_scores_as_the_model_does(
    network: HypencoderNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, items = wrap(network), vectors(9)
    items.flags.writeable = False
    made: Sequence[MadeQNet] = model.qnets(QUERIES)
    assert isinstance(model, QNetMaker) and model.qnets([]) == []
    for numbers in (module.ITEM_NUMBERS, 2 * DIM):
        monkeypatch.setattr(module, "ITEM_NUMBERS", numbers)
        for net, expected in zip(made, model.score_all(QUERIES, items), strict=True):
            near(net.score(items), expected)
    with pytest.raises(ModelError, match="read vectors of 16 numbers"):
        made[0].score(vectors(3)[:, :5])


@pytest.mark.parametrize("qnet", ["repeated_dense_block", "quadratic"])
def test_the_gradient_is_that_of_the_score(tiny: Tiny, qnet: str) -> None:
    smooth = {"vector_dimensions": [DIM, DIM, DIM, 1], "activation_type": "tanh"}
    kwargs = {"quadratic": {"dim": DIM, "rank": 3}}.get(qnet, smooth)
    network = HypencoderNetwork.from_base(str(tiny()), qnet=qnet, qnet_kwargs=kwargs)
    model, items = wrap(network.double()), vectors(5)
    for net in model.qnets(QUERIES[:2]):
        slopes = net.gradient(items)
        assert slopes.shape == items.shape and slopes.dtype == np.float32
        towards = rng.standard_normal(items.shape).astype(np.float32)
        step = 1e-3
        risen = (net.score(items + step * towards) - net.score(items - step * towards)) / (2 * step)
        np.testing.assert_allclose(risen, (slopes * towards).sum(axis=1), rtol=0.02, atol=0.02)


def test_a_damaged_q_net_says_so(tiny: Tiny) -> None:
    [net] = wrap(HypencoderNetwork.from_base(str(tiny(nan=True)), hidden_layers=1)).qnets(["w1"])
    with pytest.raises(ModelOutputError, match="no usable score"):
        net.score(vectors(2))
    with pytest.raises(ModelOutputError, match="no usable gradient"):
        net.gradient(vectors(2))


@pytest.mark.parametrize(("qnets", "items"), [(1, 1), (2000, 100), (2000, 10**6), (10**6, 50)])
def test_parts_score_as_the_whole(
    network: HypencoderNetwork, monkeypatch: pytest.MonkeyPatch, qnets: int, items: int
) -> None:
    model, shared = wrap(network), vectors(9)
    candidates = [vectors(count) for count in (5, 4, 9, 3)]
    expected = model.score(QUERIES, candidates)
    expected_shared = model.score_all(QUERIES, shared)
    monkeypatch.setattr(module, "QNET_NUMBERS", qnets)
    monkeypatch.setattr(module, "ITEM_NUMBERS", items)
    for groups in (Hypencoder._groups, lambda _, counts: iter([slice(0, len(counts))])):
        # The second is what a GPU may do: lists of unlike length run as one batch.
        monkeypatch.setattr(Hypencoder, "_groups", groups)
        for found, whole in zip(model.score(QUERIES, candidates), expected, strict=True):
            near(found, whole)
    near(model.score_all(QUERIES, shared), expected_shared)


def test_lists_of_like_length_run_together_on_a_gpu_only(network: HypencoderNetwork) -> None:
    model = wrap(network)
    counts = [9, 9, 6, 5, 4, 1]
    assert list(model._groups(counts)) == [slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 5), slice(5, 6)]
    model.network = network.to("meta")
    assert list(model._groups(counts)) == [slice(0, 4), slice(4, 5), slice(5, 6)]


def test_threads_wait_for_each_other(network: HypencoderNetwork) -> None:
    model = wrap(network)
    candidates = [vectors(4) for _ in QUERIES]
    expected = model.score(QUERIES, candidates)
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda _: model.score(QUERIES, candidates), range(6)):
            for own, alone in zip(found, expected, strict=True):
                near(own, alone)


def test_what_does_not_fit_is_halved(network: HypencoderNetwork) -> None:
    model = wrap(network)
    candidates = [vectors(4) for _ in QUERIES]
    expected = model.score(QUERIES, candidates)
    sizes: list[int] = []

    def refuse_large(_: object, arguments: tuple[Tensor, Tensor]) -> None:
        sizes.append(len(arguments[0]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    network.query_encoder.register_forward_pre_hook(refuse_large)
    for found, whole in zip(model.score(QUERIES, candidates), expected, strict=True):
        near(found, whole)
    assert sizes == [4, 2, 2]


def test_texts_are_cut_where_the_model_ends(network: HypencoderNetwork) -> None:
    model = wrap(network)
    near(model.encode_documents(["w1 " * 500]), model.encode_documents(["w1 " * 62]))
    network.config = type(network.config)(
        **{name: getattr(network.config, name) for name in ("base", "width", "qnet_kwargs")},
        max_query_tokens=4,
    )
    near(
        model.score(["w1 w2 w3 w4"], [vectors(1) * 0 + 1])[0], model.score(["w1 w2"], [vectors(1) * 0 + 1])[0]
    )


def test_another_width_is_refused_with_both(network: HypencoderNetwork) -> None:
    for call in (
        lambda: wrap(network).score(["w1"], [np.ones((2, 8), np.float32)]),
        lambda: wrap(network).score_all(["w1"], np.ones((2, 8), np.float32)),
    ):
        with pytest.raises(ModelError, match=r"16 numbers.*\(2, 8\)"):
            call()


def test_nan_is_an_error_that_names_the_positions(network: HypencoderNetwork) -> None:
    model = wrap(network)
    with pytest.raises(ModelOutputError, match="score for 1 of 2 queries") as caught:
        model.score(QUERIES[:2], [vectors(2), vectors(2) * np.float32("nan")])
    assert caught.value.positions == (1,)
    for parameter in network.passage_encoder.parameters():
        parameter.data.fill_(float("nan"))
    with pytest.raises(ModelOutputError, match="vector for 2 of 2 texts") as caught:
        model.encode_documents(["w1", "w2"])
    assert caught.value.positions == (0, 1)


def test_bfloat16_is_near_float32(saved: Path) -> None:
    full, low = load_hypencoder(str(saved), dtype="float32"), load_hypencoder(str(saved), dtype="bfloat16")
    np.testing.assert_allclose(low.encode_documents(TEXTS), full.encode_documents(TEXTS), atol=0.05)
    items = vectors(30)
    exact, rounded = full.score_all(QUERIES, items), low.score_all(QUERIES, items)
    assert rounded.dtype == np.float32
    for one, other in zip(exact, rounded, strict=True):
        assert np.corrcoef(one, other)[0, 1] > 0.99


def test_a_qnet_of_ones_own_is_made_saved_and_reloaded(tiny: Tiny, tmp_path: Path) -> None:
    """Against the formula in plain numpy, from weights that the hyper-head makes."""
    kwargs = {"dim": DIM, "rank": 3}
    made = HypencoderNetwork.from_base(str(tiny()), qnet="quadratic", qnet_kwargs=kwargs)
    made.save(tmp_path / "saved")
    network = load_network(tmp_path / "saved")
    query = network.tokenizer(["w3 w4"], return_tensors="pt")
    with torch.no_grad():
        weights, biases = network.query_weights(query["input_ids"], query["attention_mask"])
    assert biases == []
    w, a, v = (weight[0].numpy() for weight in weights)
    items = vectors(6)
    expected = items @ w[:, 0] + ((items @ a) ** 2) @ v[:, 0]
    again = load_hypencoder(str(tmp_path / "saved"), dtype="float32")
    near(again.score(["w3 w4"], [items])[0], expected)
    near(wrap(made).score_all(["w3 w4"], items)[0], expected)


class Dot:
    """The contract in its smallest form."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.weight_shapes: Shapes = ((dim, 1),)
        self.bias_shapes: Shapes = ()

    def __call__(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor], items: Tensor, *, training: bool = False
    ) -> Tensor:
        scores: Tensor = items @ weights[0]
        return scores[..., 0]


def test_a_registered_qnet_works_end_to_end(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augury.models.qnet._FACTORIES", {})
    register_qnet("dot", Dot)
    HypencoderNetwork.from_base(str(tiny()), qnet="dot", qnet_kwargs={"dim": DIM}).save(tmp_path / "dot")
    model = load_hypencoder(str(tmp_path / "dot"))
    items = vectors(5)
    near(model.score_all(["w1"], 2 * items), 2 * model.score_all(["w1"], items))
    monkeypatch.setattr("augury.models.qnet._FACTORIES", {})
    with pytest.raises(ModelError, match="no q-net called 'dot'"):
        load_network(tmp_path / "dot")


def test_both_sides_train(network: HypencoderNetwork) -> None:
    ids, mask = torch.tensor([[2, 7, 3], [2, 8, 3]]), torch.ones(2, 3, dtype=torch.long)
    weights, biases = network.train().query_weights(ids, mask)
    network.score(weights, biases, network.passage_vectors(ids, mask)).sum().backward()  # type: ignore[no-untyped-call]
    named = dict(network.named_parameters())
    assert not any(name.startswith("passage_encoder") for name in named)  # shared: one transformer
    without = [name for name, parameter in named.items() if parameter.grad is None]
    assert all(".pooler." in name for name in without)


def test_another_kind_of_model_is_refused() -> None:
    with pytest.raises(ModelError, match="dense model, not a hypencoder one"):
        load_hypencoder("starter:minilm")
