"""Notes, and several generations of one index under one name, on every store."""

from __future__ import annotations

import numpy as np
import pytest

from augury.connector.store.base import Store
from augury.errors import UsageError
from augury.schemas.collection import CollectionSpec, VectorSpec
from augury.schemas.points import Point
from tests.contract.stores import StoreFactory

ONES = np.ones(2, dtype=np.float32)
SPEC = CollectionSpec(vectors={"dense": VectorSpec(size=2)}, indexes={"n": "integer"})


@pytest.fixture
def made(store_factory: StoreFactory) -> Store:
    """An index of one point, called by a name that can lead elsewhere."""
    store = store_factory.new()
    store.ensure(SPEC)
    store.settle()
    if store_factory.kind != "edge":
        store.name_alias(f"{store.generation}-live")
    store.set_metadata({"made": 1})
    store.upsert([Point(1, {"dense": ONES}, {"n": 1})])
    return store


def test_notes_are_kept_replaced_and_forgotten(made: Store) -> None:
    assert made.note("augury_a") is None
    made.set_note("augury_a", {"n": [1, None, "ä"]})
    made.set_note("augury_b", "b")
    assert (made.note("augury_a"), made.note("augury_b")) == ({"n": [1, None, "ä"]}, "b")
    made.set_note("augury_a", {"n": 2})
    assert made.note("augury_a") == {"n": 2}
    made.set_note("augury_a", None)
    assert (made.note("augury_a"), made.note("augury_b")) == (None, "b")
    assert made.metadata() == {"made": 1}, "notes are beside the metadata"


def test_a_name_leads_from_one_generation_to_another_in_one_step(made: Store) -> None:
    first = made.generation
    assert made.current() == first
    following = made.unused()
    second = made.at(following)
    assert not second.exists()
    assert second.metadata() is None
    assert second.note("augury_a") is None
    second.ensure(SPEC)
    second.set_metadata({"made": 2})
    second.upsert([Point(i, {"dense": ONES}, {"n": i}) for i in (1, 2)])
    assert made.unused() not in (first, following)
    assert made.unused(made.unused()) not in (first, following, made.unused())
    assert (made.current(), made.count(), second.count()) == (first, 1, 2)
    made.alias(following)
    assert made.current() == second.current() == following
    assert (made.generation, made.count(), made.metadata()) == (first, 1, {"made": 1}), "an open store stays"
    made.alias(first)
    assert made.current() == first
    made.alias(following)
    made.drop()
    assert second.count() == 2
    again = second.at(first)
    assert not again.exists()
    again.close()
    second.drop()


def test_a_name_that_is_made_leads_to_the_generation(store_factory: StoreFactory) -> None:
    store = store_factory.new()
    store.ensure(SPEC)
    store.settle()
    if store_factory.kind == "edge":
        assert store.unused() == "2"
        with pytest.raises(UsageError, match="folder and needs no alias"):
            store.name_alias("live")
        return
    with pytest.raises(UsageError, match=r"no alias the name of one.*--alias"):
        store.unused()
    other = store_factory.new()
    other.ensure(SPEC)
    with pytest.raises(UsageError, match=f"{other.generation} is a collection"):
        store.name_alias(other.generation)
    alias = f"{store.generation}-live"
    store.name_alias(alias)
    store.name_alias(alias)
    with pytest.raises(UsageError, match=f"an alias of {store.generation}"):
        other.name_alias(alias)
    assert (store.name, store.current()) == (alias, store.generation)
    assert store.unused() == f"{alias}@2"
