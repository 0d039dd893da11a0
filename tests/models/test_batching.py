from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from augury.errors import ModelError
from augury.models.batching import halving, token_batches


@given(st.lists(st.integers(0, 600)), st.integers(1, 2000), st.integers(1, 40))
def test_every_text_comes_once_in_batches_that_fit(lengths: list[int], tokens: int, items: int) -> None:
    batches = list(token_batches(lengths, tokens, items))
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    order = [lengths[position] for batch in batches for position in batch]
    assert order == sorted(order, reverse=True)
    for batch in batches:
        assert 1 <= len(batch) <= items
        assert len(batch) == 1 or max(lengths[position] for position in batch) * len(batch) <= tokens


@given(st.lists(st.integers(), min_size=1), st.integers(1, 10))
def test_halving_runs_every_item_once_in_order(batch: list[int], fits: int) -> None:
    def function(part: list[int]) -> list[int]:
        if len(part) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return [-item for item in part]

    parts = list(halving(function, batch))
    assert [item for part, _ in parts for item in part] == batch
    assert [item for _, result in parts for item in result] == [-item for item in batch]
    assert all(len(part) <= fits for part, _ in parts)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory: 8 GB"),
        RuntimeError("MPS backend out of memory"),
        MemoryError(),
    ],
)
def test_one_item_that_does_not_fit_is_an_error(error: Exception) -> None:
    def function(part: list[int]) -> None:
        raise error

    with pytest.raises(ModelError, match="not hold"):
        list(halving(function, [1, 2, 3]))


def test_the_cpu_allocators_own_message_is_understood() -> None:
    def function(part: list[int]) -> int:
        return int(torch.empty(len(part) * 2**50, dtype=torch.uint8).sum())

    with pytest.raises(ModelError, match="not hold"):
        list(halving(function, [1, 2]))


def test_other_errors_pass_through() -> None:
    def function(part: list[int]) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        list(halving(function, [1, 2]))
