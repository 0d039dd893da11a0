"""Plain data: round trips, digests, and contradictions that are refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from augury import Document, Profile, QueryPlan, Scenario
from augury.schemas.fingerprint import Fingerprint
from augury.schemas.plan import Branch
from augury.schemas.profile import ChunkProfile, DenseProfile, ScenarioProfile
from augury.schemas.scenario import ScenarioRecord

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
safe_text = st.text(st.characters(exclude_categories=["Cs"]))


@given(safe_text, safe_text, st.floats(0, 1))
def test_a_fingerprint_reads_back(base: str, scenarios: str, alpha: float) -> None:
    made = Fingerprint(base.replace(":", ""), scenarios.replace(":", ""), alpha)
    assert Fingerprint.parse(str(made)) == made


@pytest.mark.parametrize("text", ["", "abc", "a:b", "a:b:c", "a:b:0.3:d"])
def test_what_is_no_fingerprint_reads_as_none(text: str) -> None:
    assert Fingerprint.parse(text) is None


def test_the_content_hash_covers_what_the_user_wrote_and_no_more() -> None:
    document = Document(id="a", text="t", title="u", metadata={"x": 1}, source="here")
    assert document.content_hash == document.model_copy(update={"source": "there"}).content_hash
    for change in ({"text": "T"}, {"title": "U"}, {"metadata": {"x": 2}}):
        assert document.content_hash != document.model_copy(update=change).content_hash


@given(st.dictionaries(safe_text, json_values, max_size=4))
def test_the_order_of_metadata_does_not_matter(metadata: dict[str, object]) -> None:
    try:
        hashed = Document(id="a", text="t", metadata=metadata).content_hash
    except UnicodeEncodeError:
        return  # a lone surrogate inside; ingest refuses such documents
    backwards = dict(reversed(metadata.items()))
    assert hashed == Document(id="a", text="t", metadata=backwards).content_hash


def test_a_profile_reads_back_from_json() -> None:
    profile = Profile(dense=DenseProfile(dim=8), scenarios=ScenarioProfile(alpha=0.1), sparse=None)
    assert Profile.model_validate(json.loads(profile.model_dump_json())) == profile


def test_alpha_has_its_own_place_in_the_fingerprint() -> None:
    one, other = (Profile(scenarios=ScenarioProfile(alpha=alpha)) for alpha in (0.1, 0.9))
    mine, theirs = one.fingerprint("a", "h", "s"), other.fingerprint("a", "h", "s")
    assert mine.base == theirs.base and (mine.alpha, theirs.alpha) == (0.1, 0.9)


def test_a_chunk_profile_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValidationError, match="is more than max_chars"):
        ChunkProfile(min_chars=900, max_chars=100)


def test_a_plan_reads_back_and_refuses_contradictions() -> None:
    branches = (Branch(name="dense", using="dense", limit=5), Branch(name="sparse", using="sparse", limit=5))
    plan = QueryPlan(query="q", branches=branches, fusion="rrf", filter={"must": []}, alpha=0.5)
    assert QueryPlan.model_validate_json(plan.model_dump_json()) == plan
    with pytest.raises(ValidationError, match="need a fusion"):
        QueryPlan(query="q", branches=branches)
    with pytest.raises(ValidationError, match="named twice"):
        QueryPlan(query="q", branches=(branches[0], branches[0]), fusion="rrf")


def test_one_scenario_per_explanation_and_the_chosen_fields_are_embedded() -> None:
    record = ScenarioRecord.model_validate(
        {
            "doc_id": "a",
            "document_analysis": {"main_topic": "T", "key_points": ["k1", "k2"]},
            "information_needs": ["ignored"],
            "explanation": [{"information_need": "n1", "explanation": "e1"}, {"information_need": "n2"}],
        }
    )
    first, second = record.scenarios()
    assert first == Scenario(need="n1", explanation="e1", topic="T", key_points=("k1", "k2"))
    assert first.encoder_text(("need", "topic", "key_points", "explanation"), "DOC") == "n1\nT\nk1; k2\ne1"
    assert second.encoder_text(("explanation", "document", "need"), "DOC") == "n2\nDOC"
