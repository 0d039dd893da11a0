"""Q-nets: small networks whose weights are made from a query, and which score passage vectors.

Hypencoder: Killingback, Zeng and Zamani 2025, https://arxiv.org/abs/2502.05364. ``make_qnet(name, **kwargs)``
makes one; ``repeated_dense_block`` is the published one. To bring your own, write an object that fits
``QNet`` and register what makes it::

    class Dot:  # a plain inner product
        def __init__(self, dim: int) -> None:
            self.dim = dim
            self.weight_shapes = ((dim, 1),)
            self.bias_shapes = ()

        def __call__(self, weights, biases, items, *, training=False):
            return (items @ weights[0])[..., 0]

    register_qnet("dot", Dot)
    HypencoderNetwork.from_base("starter:minilm", qnet="dot", qnet_kwargs={"dim": 384})

The factory's keyword arguments are the ``converter_kwargs`` of a saved model's config.json. Register it
before a model that uses it is loaded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import ModelError

DEFAULT_QNET = "repeated_dense_block"
CORRECTED_DOT = "corrected_dot"
CPU_BLOCK_PER_THREAD = 1024 * 1024
"""Numbers of a layer's output that are worked on at once, for each thread: 4 MiB of float32, which stay in
the last cache while bias, activation, normalisation and residual pass over them. Measured on two cores of 1
MiB level-2 cache, beside the same products without those passes: 6,000 candidates of width 768 cost 1.19
times as much, without blocks 1.36; but blocks that fit the level-2 cache 1.30, as their products are too
narrow to fill the arithmetic units."""
GPU_BLOCK = 64 * 1024 * 1024
"""The same on an accelerator, where only the memory sets a bound: 256 MB of float32."""

Shapes = tuple[tuple[int, int], ...]


class QNet(Protocol):
    """What a q-net must have. It holds no weights itself: they come with every call."""

    @property
    def weight_shapes(self) -> Shapes:
        """(in, out) of each weight matrix, in the order of ``weights``."""
        ...

    @property
    def bias_shapes(self) -> Shapes:
        """(dim, 1) of each bias, in the order of ``biases``."""
        ...

    @property
    def dim(self) -> int:
        """Width of the passage vectors it reads."""
        ...

    def __call__(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor], items: Tensor, *, training: bool = False
    ) -> Tensor:
        """The scores of items, differentiable in all three arguments, none of which may be changed.

        Args:
            weights: each (queries, in, out).
            biases: each (queries, 1, dim).
            items: (items, dim), shared by all queries, or (queries, items, dim).
            training: whether dropout applies.

        Returns:
            (queries, items), in the dtype of the items.
        """
        ...


def takes_query_vector(qnet: QNet) -> bool:
    """Whether the first weight, (dim, 1), is the query's own vector, which no hyper-head makes."""
    return bool(getattr(qnet, "takes_query_vector", False))


_FACTORIES: dict[str, Callable[..., QNet]] = {}


def register_qnet(name: str, factory: Callable[..., QNet]) -> None:
    """``register_qnet("dot", Dot)``: from now on ``make_qnet("dot", dim=384)`` calls ``Dot(dim=384)``."""
    _FACTORIES[name] = factory


def make_qnet(name: str, /, **kwargs: object) -> QNet:
    """``make_qnet("repeated_dense_block", vector_dimensions=[384, 384, 1])``.

    Raises:
        ModelError: no such q-net is registered, or it takes no such arguments.
    """
    factory = _FACTORIES.get(name)
    if factory is None:
        raise ModelError(
            f"There is no q-net called {name!r}, only {', '.join(sorted(_FACTORIES))}",
            "Register it before loading: augury.models.qnet.register_qnet(name, factory)",
        )
    parameters = inspect.signature(factory)
    try:
        parameters.bind(**kwargs)
    except TypeError as error:
        raise ModelError(
            f"The q-net {name!r} cannot be made: {error}",
            f"Its arguments are {', '.join(parameters.parameters)}",
        ) from error
    try:
        return factory(**kwargs)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"The q-net {name!r} cannot be made of {kwargs}: {error}",
            "Correct converter_kwargs in config.json",
        ) from error


def layer_norm(values: Tensor) -> Tensor:
    """Layer normalisation over the last dimension, without learned scale and shift."""
    width = values.shape[-1]
    if values.device.type == "cpu":
        # Given a scale and a shift, the CPU kernel is vectorised; without, it takes 2.7 times as long.
        return F.layer_norm(values, (width,), values.new_ones(width), values.new_zeros(width))
    return F.layer_norm(values, (width,))


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
    "gelu": F.gelu,
    "leaky_relu": lambda values: F.leaky_relu(values, inplace=True),
}


class RepeatedDenseBlock:
    """``RepeatedDenseBlock([384, 384, 384, 1])``: the published q-net, here with two hidden blocks.

    A block is dropout (while training), product and bias, activation, layer normalisation and the block's
    input added where the widths agree. A last product, without bias, gives the score.

    Args:
        vector_dimensions: width of the items, of each hidden block, and 1.
        activation_type: relu, tanh, sigmoid, gelu or leaky_relu.
        do_dropout: whether training drops parts of a block's input, each with ``dropout_prob``.
        do_residual_on_last: whether the last hidden block adds its input too; None: as ``do_residual``.
        layer_norm_before_residual: whether the input is added after the normalisation, or before.

    Raises:
        ModelError: the arguments contradict each other.
    """

    def __init__(
        self,
        vector_dimensions: Sequence[int],
        activation_type: str = "relu",
        do_dropout: bool = False,
        dropout_prob: float = 0.1,
        do_layer_norm: bool = True,
        do_residual: bool = True,
        do_residual_on_last: bool | None = False,
        layer_norm_before_residual: bool = True,
    ) -> None:
        widths = tuple(vector_dimensions)
        if (
            len(widths) < 2
            or not all(isinstance(width, int) and width > 0 for width in widths)
            or widths[-1] != 1
        ):
            raise ModelError(
                f"vector_dimensions of a q-net are the items' width, those of its layers and 1, not {widths}",
                "Give for example [768, 768, 768, 1]",
            )
        if activation_type not in _ACTIVATIONS:
            raise ModelError(
                f"There is no activation {activation_type!r} for q-nets",
                f"Use one of {', '.join(_ACTIVATIONS)}",
            )
        if do_residual_on_last and not do_residual:
            raise ModelError(
                "do_residual_on_last asks for what do_residual=False rules out", "Drop one of them"
            )
        self.weight_shapes: Shapes = tuple(pairwise(widths))
        self.bias_shapes: Shapes = tuple((width, 1) for width in widths[1:-1])
        self.dim = widths[0]
        self._activation = _ACTIVATIONS[activation_type]
        self._dropout = dropout_prob if do_dropout else 0.0
        self._norm_first = do_layer_norm and layer_norm_before_residual
        self._norm_last = do_layer_norm and not layer_norm_before_residual
        hidden = len(self.bias_shapes)
        on_last = do_residual if do_residual_on_last is None else do_residual_on_last
        self._residual = [
            do_residual and (on_last or place < hidden - 1) and widths[place] == widths[place + 1]
            for place in range(hidden)
        ]

    def __call__(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor], items: Tensor, *, training: bool = False
    ) -> Tensor:
        """As ``QNet``. Without gradients the work is done in blocks that fit the cache."""
        dropout = self._dropout if training else 0.0
        if torch.is_grad_enabled():
            return self._run(weights, biases, items, dropout)
        on_cpu = items.device.type == "cpu"
        block = CPU_BLOCK_PER_THREAD * torch.get_num_threads() if on_cpu else GPU_BLOCK
        widest = max(size for shape in self.weight_shapes for size in shape)
        count = items.shape[-2]
        # Whole q-nets together if their items fit a block, else one q-net and some of its items.
        step = max(1, block // (max(count, 1) * widest))
        parts = max(1, -(-count * widest // block))
        shared = items.dim() == 2
        rows = []
        for start in range(0, len(weights[0]), step):
            own = slice(start, start + step)
            some_weights, some_biases = [weight[own] for weight in weights], [bias[own] for bias in biases]
            pieces = (items if shared else items[own]).tensor_split(parts, dim=-2)
            scores = [self._run(some_weights, some_biases, piece, dropout) for piece in pieces]
            rows.append(torch.cat(scores, dim=1))
        return torch.cat(rows)  # (queries, items)

    def _run(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor], items: Tensor, dropout: float
    ) -> Tensor:
        queries = len(weights[0])
        # A plain product is faster than a batch of one. Shared items are a view here, not a copy per query.
        alone = queries == 1
        if alone:
            weights, biases = [weight[0] for weight in weights], [bias[0] for bias in biases]
            values = items.reshape(-1, self.dim)  # (items, dim)
        else:
            values = items.expand(queries, -1, -1)  # (queries, items, dim)
        for weight, bias, residual in zip(weights, biases, self._residual, strict=False):
            inputs = F.dropout(values, dropout) if dropout else values
            # In place where the way back allows it. addmm, which first copies the bias, takes longer.
            output = self._activation((inputs @ weight).add_(bias))  # (..., items, out)
            if self._norm_first:
                output = layer_norm(output)
            if residual:
                # An activation needs its own output to go back, a normalisation does not.
                output = output.add_(values) if self._norm_first else output + values
            values = layer_norm(output) if self._norm_last else output
        scores = (values @ weights[-1])[..., 0]  # (items,) or (queries, items)
        return scores[None] if alone else scores


class Quadratic:
    """``Quadratic(dim=384, rank=8)``: a q-net of one's own, as small as one can be and still not linear.

    The score of x is x.w + sum over r of v_r (x.a_r)^2, from a vector w, ``rank`` directions a_r and their
    weights v_r, so that a query can ask for what lies far along a direction on either side.
    """

    def __init__(self, dim: int, rank: int) -> None:
        self.dim = dim
        self.weight_shapes: Shapes = ((dim, 1), (dim, rank), (rank, 1))
        self.bias_shapes: Shapes = ()

    def __call__(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor], items: Tensor, *, training: bool = False
    ) -> Tensor:
        """As ``QNet``."""
        linear, directions, strengths = weights
        scores: Tensor = items @ linear + (items @ directions).square() @ strengths  # (queries, items, 1)
        return scores[..., 0]


class CorrectedDot:
    """``CorrectedDot(384, hidden=[128])``: the encoder's own similarity and a learned correction of it.

    The score of x is q.x + c(x) / sqrt(n): q is the query's vector, c a ``RepeatedDenseBlock`` whose last
    hidden block has n numbers. The hyper-head begins with c = 0, so that before training the order is that
    of the dense vectors, and training starts there instead of from nothing.

    Args:
        dim: width of the items.
        hidden: width of each hidden block; none leaves a linear correction.
        dropout: share of a block's input that training drops.
    """

    takes_query_vector = True

    def __init__(self, dim: int, hidden: Sequence[int] = (128,), dropout: float = 0.0) -> None:
        self._correction = RepeatedDenseBlock([dim, *hidden, 1], do_dropout=dropout > 0, dropout_prob=dropout)
        self._scale = [dim, *hidden][-1] ** -0.5
        self.dim = dim
        self.weight_shapes: Shapes = ((dim, 1), *self._correction.weight_shapes)
        self.bias_shapes = self._correction.bias_shapes

    def __call__(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor], items: Tensor, *, training: bool = False
    ) -> Tensor:
        """As ``QNet``; the first of the weights is the query's vector."""
        dot = self.similarity(weights, items)
        correction: Tensor = self._correction(weights[1:], biases, items, training=training)
        scores: Tensor = dot + self._scale * correction
        return scores

    def similarity(self, weights: Sequence[Tensor], items: Tensor) -> Tensor:
        """The score without its correction, (queries, items)."""
        scores: Tensor = items @ weights[0]  # (queries, items, 1)
        return scores[..., 0]


register_qnet(DEFAULT_QNET, RepeatedDenseBlock)
register_qnet(CORRECTED_DOT, CorrectedDot)
register_qnet("quadratic", Quadratic)
