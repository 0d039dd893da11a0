from __future__ import annotations

import json
import re
from pathlib import PurePosixPath

import pytest

from augury.models.folder import PICKLES, WEIGHTS, matches
from augury.models.registry import DEFAULTS, MODELS, STARTER, ModelCard, Packaged, Wheel
from augury.schemas.profile import Profile

STARTERS = [card for card in MODELS.values() if card.name.startswith(STARTER)]
SHA256 = re.compile("[0-9a-f]{64}")


def test_the_defaults_are_the_default_profiles_models() -> None:
    profile = Profile()
    assert profile.sparse is not None
    assert {profile.dense.model, profile.sparse.model} - {"bm25"} == set(DEFAULTS)
    assert set(DEFAULTS) <= set(MODELS)


@pytest.mark.parametrize("card", MODELS.values(), ids=lambda card: card.name)
def test_every_card_is_whole(card: ModelCard) -> None:
    assert MODELS[card.name] is card
    assert card.licence
    assert card.size_mb > 0
    assert (card.dims == 0) == (card.kind in ("llm", "cross-encoder"))
    assert card.source == "hub" or card.name.startswith(STARTER)
    json.dumps(card.summary())


@pytest.mark.parametrize("card", STARTERS, ids=lambda card: card.name)
def test_a_starter_is_pinned_and_holds_no_pickle(card: ModelCard) -> None:
    wheel = card.source
    assert isinstance(wheel, Wheel | Packaged)
    assert isinstance(wheel, Packaged) or SHA256.fullmatch(wheel.sha256)
    assert all(SHA256.fullmatch(file.sha256) and file.size > 0 for file in wheel.files.values())
    for name in wheel.files:
        path = PurePosixPath(name)
        assert not path.is_absolute() and ".." not in path.parts
        assert not matches(name, PICKLES)
    weights = [file for name, file in wheel.files.items() if matches(name, WEIGHTS)]
    assert [file.sha256 for file in weights] == [card.revision]
    assert round(weights[0].size / 1e6) == card.size_mb
