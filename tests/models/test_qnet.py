from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

import augury.models.qnet as module
from augury.errors import ModelError
from augury.models.hyperhead import HyperHead
from augury.models.qnet import CorrectedDot, QNet, Quadratic, RepeatedDenseBlock, layer_norm, make_qnet


def drawn(qnet: QNet, queries: int) -> tuple[list[Tensor], list[Tensor]]:
    weights = [torch.randn(queries, out, into).transpose(1, 2) for into, out in qnet.weight_shapes]
    return weights, [torch.randn(queries, 1, dim) for dim, _ in qnet.bias_shapes]


def by_the_book(weights: list[Tensor], biases: list[Tensor], items: Tensor, *, on_last: bool) -> Tensor:
    """The published block, one query and one layer at a time, in float64: (queries, items)."""
    scores = []
    for query in range(len(weights[0])):
        values = (items if items.dim() == 2 else items[query]).double()
        for layer, bias in enumerate(biases):
            output = F.layer_norm(
                F.relu(values @ weights[layer][query].double() + bias[query]), (bias.shape[-1],)
            )
            last = layer == len(biases) - 1
            same = output.shape == values.shape
            values = output + values if same and (on_last or not last) else output
        scores.append((values @ weights[-1][query].double())[:, 0])
    return torch.stack(scores)


@pytest.mark.parametrize("widths", [[8, 1], [8, 8, 1], [8, 8, 8, 8, 1], [8, 12, 12, 5, 1]])
@pytest.mark.parametrize("queries", [1, 3])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("gradients", [True, False])
def test_it_is_the_published_block(widths: list[int], queries: int, shared: bool, gradients: bool) -> None:
    torch.manual_seed(0)
    for on_last in (False, True):
        qnet = RepeatedDenseBlock(widths, do_residual_on_last=on_last)
        weights, biases = drawn(qnet, queries)
        items = torch.randn(7, 8) if shared else torch.randn(queries, 7, 8)
        with torch.set_grad_enabled(gradients):
            scores = qnet(weights, biases, items)
        expected = by_the_book(weights, biases, items, on_last=on_last)
        np.testing.assert_allclose(scores.numpy(), expected.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu", "leaky_relu"])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("queries", [1, 2])
def test_gradients_are_right(activation: str, before: bool, norm: bool, queries: int) -> None:
    """In-place work must not touch what the way back needs, nor what the caller gave."""
    torch.manual_seed(0)
    qnet = RepeatedDenseBlock(
        [4, 4, 4, 4, 1], activation, layer_norm_before_residual=before, do_layer_norm=norm
    )
    weights, biases = drawn(qnet, queries)
    items = torch.randn(3, 4)
    given_ = [tensor.double().requires_grad_() for tensor in (*weights, *biases, items)]

    def run(*tensors: Tensor) -> Tensor:
        return qnet(tensors[: len(weights)], tensors[len(weights) : -1], tensors[-1])

    before_call = [tensor.detach().clone() for tensor in given_]
    assert torch.autograd.gradcheck(run, tuple(given_), atol=1e-4)
    assert all(torch.equal(now, then) for now, then in zip(given_, before_call, strict=True))


@given(st.integers(0, 40), st.integers(1, 5), st.integers(1, 400), st.booleans())
def test_blocks_change_nothing(count: int, queries: int, block: int, shared: bool) -> None:
    torch.manual_seed(count)
    qnet = RepeatedDenseBlock([6, 6, 6, 1])
    weights, biases = drawn(qnet, queries)
    items = torch.randn(count, 6) if shared else torch.randn(queries, count, 6)
    whole = qnet(weights, biases, items)
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(module, "CPU_BLOCK_PER_THREAD", block)
        found = qnet(weights, biases, items)
    assert found.shape == (queries, count)
    np.testing.assert_allclose(found.numpy(), whole.numpy(), rtol=1e-4, atol=1e-4)


def test_dropout_is_for_training_only() -> None:
    qnet = RepeatedDenseBlock([16, 16, 16, 1], do_dropout=True, dropout_prob=0.5)
    weights, biases = drawn(qnet, 2)
    items = torch.randn(5, 16)
    assert torch.equal(qnet(weights, biases, items), qnet(weights, biases, items))
    dropped = qnet(weights, biases, items, training=True)
    assert not torch.equal(dropped, qnet(weights, biases, items, training=True))


def test_the_norm_is_the_librarys() -> None:
    values = torch.randn(3, 5, 7) * 3 + 2
    torch.testing.assert_close(layer_norm(values), F.layer_norm(values, (7,)))


def test_quadratic_is_its_formula() -> None:
    qnet = make_qnet("quadratic", dim=5, rank=3)
    assert isinstance(qnet, Quadratic)
    weights, _ = drawn(qnet, 2)
    items = torch.randn(4, 5)
    w, a, v = (weight.numpy() for weight in weights)
    x = items.numpy()
    expected = [x @ w[query, :, 0] + ((x @ a[query]) ** 2) @ v[query, :, 0] for query in range(2)]
    np.testing.assert_allclose(qnet(weights, [], items).numpy(), np.stack(expected), rtol=1e-4, atol=1e-5)
    own = qnet(weights, [], items.expand(2, 4, 5))
    np.testing.assert_allclose(own.numpy(), np.stack(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kwargs", "what"),
    [
        ({"vector_dimensions": [8, 8]}, "and 1"),
        ({"vector_dimensions": [1]}, "and 1"),
        ({"vector_dimensions": [8, 0, 1]}, "and 1"),
        ({"vector_dimensions": [8, 1], "activation_type": "swish"}, "relu, tanh"),
        ({"vector_dimensions": [8, 1], "do_residual": False, "do_residual_on_last": True}, "rules out"),
        ({"vector_dimensions": [8, 1], "depth": 3}, "depth.*vector_dimensions, activation_type"),
        ({}, "vector_dimensions"),
    ],
)
def test_contradictions_are_refused(kwargs: dict[str, object], what: str) -> None:
    with pytest.raises(ModelError, match=what):
        make_qnet("repeated_dense_block", **kwargs)


def test_an_unknown_qnet_lists_the_known() -> None:
    with pytest.raises(ModelError, match="quadratic, repeated_dense_block"):
        make_qnet("transformer")


def test_residual_on_last_none_follows_the_others() -> None:
    qnet = RepeatedDenseBlock([4, 4, 1], do_residual_on_last=None)
    weights, biases = drawn(qnet, 1)
    items = torch.randn(3, 4)
    expected = RepeatedDenseBlock([4, 4, 1], do_residual_on_last=True)(weights, biases, items)
    assert torch.equal(qnet(weights, biases, items), expected)


def test_the_head_begins_as_published_and_leaves_the_random_state() -> None:
    qnet = RepeatedDenseBlock([256, 256, 1])
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    head = HyperHead(qnet.weight_shapes, qnet.bias_shapes, 32)
    assert torch.equal(torch.rand(1), expected)
    again = HyperHead(qnet.weight_shapes, qnet.bias_shapes, 32).state_dict()
    other = HyperHead(qnet.weight_shapes, qnet.bias_shapes, 32, seed=2).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in head.state_dict().items())
    assert not torch.equal(again["hyper_base_matrices.0"], other["hyper_base_matrices.0"])
    assert float(again["hyper_base_matrices.0"].std()) == pytest.approx((2 / 256) ** 0.5, rel=0.02)
    assert float(again["weight_query_embeddings.0"].std()) == pytest.approx(10, rel=0.02)
    assert float(again["weight_hyper_projection.0.weight"].std()) == pytest.approx(1 / 256**2, rel=0.02)
    zeros = ["hyper_base_vectors.0", "weight_hyper_projection.0.bias", "key_projections.1.bias"]
    assert all(not again[name].any() for name in zeros)
    assert again["key_projections.2.bias"].any() and again["bias_hyper_projection.0.bias"].any()


def test_padding_tokens_are_not_attended_to() -> None:
    qnet = RepeatedDenseBlock([8, 8, 1])
    head = HyperHead(qnet.weight_shapes, qnet.bias_shapes, 6)
    states = torch.randn(2, 5, 6)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    weights, biases = head(states, mask)
    alone_weights, alone_biases = head(states[:1, :3], mask[:1, :3])
    assert [tuple(weight.shape[1:]) for weight in weights] == list(qnet.weight_shapes)
    assert [tuple(bias.shape) for bias in biases] == [(2, 1, 8)]
    for all_, one in zip((*weights, *biases), (*alone_weights, *alone_biases), strict=True):
        torch.testing.assert_close(all_[:1], one, rtol=1e-4, atol=1e-5)


@given(
    hidden=st.lists(st.integers(1, 12), max_size=3),
    dim=st.integers(1, 12),
    counts=st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 5)),
    shared=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_corrected_dot_begins_as_the_dot(
    hidden: list[int], dim: int, counts: tuple[int, int, int], shared: bool, seed: int
) -> None:
    """Whatever the query: before training, scores and order are those of the vectors themselves."""
    queries, items_count, tokens = counts
    generator = torch.Generator().manual_seed(seed)
    qnet = CorrectedDot(dim, hidden)
    head = HyperHead(qnet.weight_shapes[1:], qnet.bias_shapes, 6, seed=seed)
    head.silence_last()
    mask = torch.ones(queries, tokens, dtype=torch.long)
    made, biases = head(torch.randn(queries, tokens, 6, generator=generator), mask)
    vectors = F.normalize(torch.randn(queries, dim, generator=generator), dim=-1)
    shape = (items_count, dim) if shared else (queries, items_count, dim)
    items = F.normalize(torch.randn(shape, generator=generator), dim=-1)
    scores = qnet([vectors.unsqueeze(-1), *made], biases, items)
    dots = torch.einsum("qd,id->qi" if shared else "qd,qid->qi", vectors, items)
    torch.testing.assert_close(scores, dots, atol=1e-5, rtol=0)
    assert torch.equal(
        scores.argsort(dim=1, stable=True),
        qnet.similarity([vectors.unsqueeze(-1), *made], items).argsort(dim=1, stable=True),
    )


def test_a_corrected_dot_learns_at_the_first_step() -> None:
    qnet = CorrectedDot(6, [5])
    head = HyperHead(qnet.weight_shapes[1:], qnet.bias_shapes, 6)
    head.silence_last()
    weights, biases = head(torch.randn(2, 3, 6), torch.ones(2, 3))
    scores = qnet([torch.zeros(2, 6, 1), *weights], biases, torch.randn(4, 6))
    (gradient,) = torch.autograd.grad(scores[:, 0].sum(), [head.hyper_base_matrices[-1]])
    assert float(gradient.abs().max()) > 0
