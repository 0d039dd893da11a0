"""``augury.reindex(index, profile)``: the same documents with other models, swapped in one step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path

from ...errors import AuguryError, IndexNotFound, StoreError, UsageError
from ...models.encoder import DenseEncoder, SparseEncoder
from ...models.reranker import VectorReranker
from ...schemas.document import encoder_text
from ...schemas.profile import Profile
from ...schemas.reindex import Building, Generations, ReindexPlan, ReindexReport
from ...schemas.report import IngestReport
from ..fence import PREVIOUS, building
from ..index import Index
from ..index_models import IndexModels
from ..ingest.readable import SourceItem
from ..ingest.scenario_source import ScenarioSource
from ..ingest.select import WINDOW
from ..lease import Lease
from ..reconcile import ProfileChange, refuse_unfinished, stored_profile, without_address
from ..store.base import Store
from . import generations
from .canary import CanarySet, ask, from_stored
from .carry import Carrier
from .choices import Kept, filled_in, wanted_profile
from .rechunk import Rechunker, refuse_cut
from .steps import steps
from .verify import counts, sample

_PASSES = 10


def reindex(
    index: Index,
    profile: ProfileChange | None = None,
    *,
    alias: str = "",
    dense: DenseEncoder | None = None,
    sparse: SparseEncoder | None = None,
    hypencoder: VectorReranker | None = None,
    source: Iterable[SourceItem] | None = None,
    scenarios: ScenarioSource | str | Path | None = None,
    canary: CanarySet | None = None,
    tolerance: float = 0.05,
    allow_worse: bool = False,
    progress: Callable[[IngestReport], None] | None = None,
) -> ReindexReport:
    """``augury.reindex(index, lambda old: old.model_copy(update={"sparse": SparseProfile(model="bm25")}))``.

    Makes a new generation beside the index from what that stores, encodes only what the profile changes,
    verifies it and has the index's name lead to it; ``index`` goes on in it. Searches and ingests go on
    meanwhile. Killed at any moment, it is finished by calling it again.

    Args:
        profile: the choices for the new generation, or a function that changes the ones there are.
        alias: for a collection of a server that is not opened by an alias: the name to use from now on.
        dense, sparse, hypencoder: models of your own, as for ``augury.open``.
        source: the documents, where the profile cuts them otherwise.
        scenarios: with other cuts, what gives the new passages theirs, as for ``Index.ingest``.
        canary: queries to ask both generations; by default titles and first sentences of stored documents.
        tolerance: how much smaller a share of them may find their document in the new generation.
        allow_worse: swap even so.
        progress: called with the running report of a pass.

    Raises:
        UsageError: nothing changes, or the profile or the index cannot be re-indexed so.
        IndexLocked: another re-index is under way.
        StoreError: what was made does not pass its verification; nothing was swapped.
    """
    return Reindex(index, alias=alias, dense=dense, sparse=sparse, hypencoder=hypencoder).run(
        profile,
        source=source,
        scenarios=scenarios,
        canary=canary,
        tolerance=tolerance,
        allow_worse=allow_worse,
        progress=progress,
    )


class Reindex:
    """``Reindex(index).plan(profile)`` tells what ``run`` would do, ``rollback`` undoes that."""

    def __init__(
        self,
        index: Index,
        *,
        alias: str = "",
        dense: DenseEncoder | None = None,
        sparse: SparseEncoder | None = None,
        hypencoder: VectorReranker | None = None,
    ) -> None:
        self._index = index
        made = building(index.store) if index.store.exists() else None
        self._alias = alias or (made.alias if made and made.alias != index.store.name else "")
        self._given = {"dense": dense, "sparse": sparse, "hypencoder": hypencoder}
        if index.store.metadata() is None:
            raise IndexNotFound(f"Nothing has been ingested into {index.where} yet", "Call ingest first")
        if index.profile.adopted:
            raise UsageError(
                f"{index.where} is an app's collection, whose points are the app's to write",
                f"Attach it anew with other models: augury detach {index.where}, then augury attach",
            )
        refuse_unfinished(index.profile, index.where, index.where)

    @property
    def where(self) -> str:
        """What the command line calls the index, from now on."""
        where = self._index.where
        return (
            f"{where.rpartition('/')[0]}/{self._alias}"
            if self._alias and "/" in where
            else self._alias or where
        )

    def status(self) -> Generations:
        """Which generations there are."""
        return generations.overview(self._store, self._index.past, self._index.where)

    def plan(
        self, profile: ProfileChange | None = None, *, source: Iterable[SourceItem] | None = None
    ) -> ReindexPlan:
        """What a run would do. Nothing is written; models whose revision is not known are loaded."""
        generations.refuse_superseded(self._store, self._index.where)
        made = building(self._store)
        unfinished = self._unfinished(made)
        old = self._index.profile
        new, models = self._wanted(profile, unfinished)
        if self._is_recut(old, new) and source is None:
            refuse_cut(self._store, self._index.where)
        before = self._store.note(PREVIOUS)
        if before and made is None:
            raise UsageError(
                f"The old generation {before} of {self._index.where} is still there",
                f"Drop it first, which ends the way back: augury reindex {self._index.where} --drop-old",
            )
        if made is None and not self._alias:
            generations.following(self._store)  # raises where there is no way to swap
        kept = Kept(*[False] * len(Kept._fields)) if self._is_recut(old, new) else Kept.between(old, new)
        plan = ReindexPlan(
            index=self.where,
            engine=self._store.info().engine,
            old=self._store.generation,
            new=made.to if made else "" if self._alias else generations.following(self._store),
            resumes=made is not None,
            passages=self._store.count(),
            vectors=kept.fates(old, new),
            profile=new,
        )
        self._models = models
        return plan.model_copy(update={"steps": steps(plan, old, alias=self._alias)})

    def run(
        self,
        profile: ProfileChange | None = None,
        *,
        source: Iterable[SourceItem] | None = None,
        scenarios: ScenarioSource | str | Path | None = None,
        canary: CanarySet | None = None,
        tolerance: float = 0.05,
        allow_worse: bool = False,
        progress: Callable[[IngestReport], None] | None = None,
    ) -> ReindexReport:
        """Do it; see ``reindex``."""
        started = time.perf_counter()
        old, store = self._index.profile, self._store
        with Lease(store, self._index.where, "re-index") as lease, ExitStack() as undo:
            plan = self.plan(profile, source=source)
            if self._alias:
                store.name_alias(self._alias)
                self._index.where = self.where
            made = generations.begin(store, self.where)
            target = store.at(made.to)
            undo.callback(target.close)
            notes = list(target.ensure(plan.profile.collection()))
            target.set_metadata(without_address(plan.profile).model_dump(mode="json"))
            report = ReindexReport(
                index=self.where, old=store.generation, new=made.to, vectors=plan.vectors, notes=notes
            )
            given = self._index.scenario_source(scenarios)
            try:
                ends: tuple[Store, Store] = (store, target)
                carrier: Carrier = (
                    Rechunker(*ends, old, plan.profile, self._models, lease.check, source, given)
                    if self._is_recut(old, plan.profile)
                    else Carrier(*ends, old, plan.profile, self._models, lease.check)
                )
                self._catch_up(carrier, report, progress)
                self._verify(carrier, report, canary, tolerance, allow_worse=allow_worse)
                self._swap(carrier, report, made, progress)
            finally:
                if given is not None and given is not scenarios:
                    given.close()
            undo.pop_all()
            self._index.take(target, plan.profile, self._models)
        report.seconds = round(time.perf_counter() - started, 3)
        return report

    def rollback(
        self, *, carry: bool = True, progress: Callable[[IngestReport], None] | None = None
    ) -> ReindexReport:
        """Swap back to the old generation. The new one stays, so that this can be taken back as well.

        Args:
            carry: first give the old generation what was written since; False to leave that behind.
        """
        started = time.perf_counter()
        store, past, new = self._store, self._index.past, self._index.profile
        with Lease(store, self._index.where, "rollback") as lease, ExitStack() as undo:
            generations.refuse_superseded(store, self._index.where)
            target = past.at(store, generations.previous(store, self._index.where))
            undo.callback(target.close)
            metadata = target.metadata() if target.exists() else None
            if metadata is None:
                raise StoreError(f"The old generation {target.generation} is gone", "Nothing was changed")
            back = stored_profile(self._index.where, metadata)
            models = self._index.models.anew(back, **self._given)  # type: ignore[arg-type]
            report = ReindexReport(
                index=self.where, old=store.generation, new=target.generation, action="rolled back"
            )
            made = Building(to=target.generation, alias=store.name, index=self.where)
            kind = Rechunker if self._is_recut(new, back) else Carrier
            carrier = kind(store, target, new, back, models, lease.check)
            if not carry or kind is Rechunker:
                left = sum(map(len, carrier.differing()))
                what = "documents" if kind is Rechunker else "passages"
                if left:
                    report.notes.append(
                        f"{left} {what} were written since the swap and are only in {store.generation}; "
                        "ingest them again."
                    )
                generations.close(store, made)
                generations.swap(store, target)
                report.documents, report.passages = counts(target)
                report.swapped = True
            else:
                self._swap(carrier, report, made, progress)
            undo.pop_all()
            self._index.take(target, back, models)
        report.seconds = round(time.perf_counter() - started, 3)
        return report

    def drop_old(self) -> str:
        """Delete the old generation. Returns its name."""
        with Lease(self._store, self._index.where, "drop of the old generation"):
            generations.refuse_superseded(self._store, self._index.where)
            return generations.drop_previous(self._store, self._index.past, self._index.where)

    def abandon(self) -> str:
        """Delete what an unfinished re-index has made; the index stays as it is. Returns its name."""
        with Lease(self._store, self._index.where, "end of a re-index"):
            generations.refuse_superseded(self._store, self._index.where)
            return generations.abandon(self._store, self._index.past, self._index.where)

    @cached_property
    def _models(self) -> IndexModels:
        return self._index.models

    @property
    def _store(self) -> Store:
        return self._index.store

    @staticmethod
    def _is_recut(old: Profile, new: Profile) -> bool:
        return old.chunk != new.chunk

    def _unfinished(self, made: Building | None) -> Profile | None:
        """The profile of the generation that is being made."""
        if made is None:
            return None
        target = self._store.at(made.to)
        metadata = target.metadata() if target.exists() else None
        target_profile = stored_profile(made.to, metadata) if metadata else None
        target.close()
        return target_profile

    def _wanted(
        self, change: ProfileChange | None, unfinished: Profile | None
    ) -> tuple[Profile, IndexModels]:
        """The profile with its revisions, and its models."""
        old, where = self._index.profile, self._index.where
        named = any(self._given.values())
        if unfinished is not None and change is None and not named:
            return unfinished, self._index.models.anew(unfinished, **self._given)  # type: ignore[arg-type]
        wanted = wanted_profile(old, change, where)
        models = self._index.models.anew(wanted, **self._given)  # type: ignore[arg-type]
        wanted = wanted_profile(old, models.named_in(wanted, made=False), where)
        if unfinished is not None:
            wanted = filled_in(wanted, unfinished)
        models.serve(lambda: wanted)
        if models.bm25_to_fit and not (wanted.sparse and wanted.sparse.revision):
            models.fit_bm25(self._first_texts())
        wanted = without_address(models.recorded_in(wanted))
        if unfinished is not None and wanted != unfinished:
            raise UsageError(
                f"A re-index of {where} with another profile is unfinished",
                f"Finish it: augury reindex {where} (or undo it with --abandon)",
            )
        if wanted == old:
            raise UsageError(
                f"{where} is made with this profile already", "Say what is to change, such as --dense MODEL"
            )
        return wanted, models

    def _first_texts(self) -> list[str]:
        records = next(self._store.scroll(payload=("title", "text"), batch=WINDOW), [])
        return [encoder_text(each.payload.get("title", ""), each.payload.get("text", "")) for each in records]

    def _catch_up(
        self, carrier: Carrier, report: ReindexReport, progress: Callable[[IngestReport], None] | None
    ) -> None:
        """Passes until there is no difference, or until writers are as fast as this."""
        for _ in range(_PASSES):
            written, deleted = carrier.carry(progress)
            report.passes += 1
            report.written += written
            report.deleted += deleted
            report.caught_up += written if report.passes > 1 else 0
            if not written and not deleted:
                return

    def _verify(
        self,
        carrier: Carrier,
        report: ReindexReport,
        canary: CanarySet | None,
        tolerance: float,
        *,
        allow_worse: bool,
    ) -> None:
        report.sample = sample(carrier)
        if report.sample.wrong:
            raise _refused(
                report,
                f"Of {report.sample.checked} passages of the new generation some are not as they must be: "
                f"{'; '.join(report.sample.wrong)}",
                "Nothing was swapped; begin anew with --abandon",
            )
        if not carrier.source.count():
            return
        asked = canary or from_stored(carrier.source, carrier.old)
        report.canary = found = ask(
            asked,
            (carrier.source, carrier.old, self._index.models),
            (carrier.target, carrier.new, carrier.models),
            tolerance,
        )
        if found.worse and not allow_worse:
            before = f"{found.before:.1%}" if found.before is not None else "at least half"
            raise _refused(
                report,
                f"The new generation is worse: of {found.queries} queries, {found.after:.1%} find their "
                f"document among the first {found.depth} hits, and {before} must, less {tolerance:.1%}",
                "Nothing was swapped; choose another model, or swap even so with --allow-worse",
            )

    def _swap(
        self,
        carrier: Carrier,
        report: ReindexReport,
        made: Building,
        progress: Callable[[IngestReport], None] | None,
    ) -> None:
        """Close the old generation, carry over what was written last, and lead the name to the new one."""
        if report.action == "rolled back":
            self._catch_up(carrier, report, progress)
        generations.close(carrier.source, made)
        try:
            for _ in range(_PASSES):  # a writer that had begun before may still end here, and then goes over
                self._catch_up(carrier, report, progress)
                held, has = counts(carrier.source), counts(carrier.target)
                same = held[0] == has[0] if isinstance(carrier, Rechunker) else held == has
                if same:
                    break
            else:
                raise _refused(
                    report,
                    f"The new generation holds {has[0]} documents in {has[1]} passages, and the old one "
                    f"{held[0]} in {held[1]}",
                    "Nothing was swapped; run the same command again",
                )
            carrier.check()
        except BaseException:
            with suppress(AuguryError):  # a server that is gone; running it again opens it
                generations.open_again(carrier.source, made)
            raise
        generations.swap(carrier.source, carrier.target)
        report.documents, report.passages = has
        report.swapped = True


def _refused(report: ReindexReport, what: str, fix: str) -> StoreError:
    error = StoreError(what, fix)
    error.report = report
    return error
