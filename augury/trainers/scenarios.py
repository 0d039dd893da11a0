"""Distil a teacher's scenarios into a small LLM: ``train_scenarios(scenario_config({...}))``.

What SPIKE does with GPT-4o and Llama-3.2-3B (Lee et al., COLM 2025, https://arxiv.org/abs/2503.23033).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..connector.ingest.scenario_prompt import parse_analysis
from ..models.dense import load_dense
from ..schemas.scenario import Scenario, ScenarioRecord
from ..schemas.training_report import TrainedKind, TrainingCounts, TrainingReport
from .fitting import (
    Fitted,
    is_main,
    require_one_gpu_a_process,
    require_training,
    run,
    run_arguments,
    run_callbacks,
)
from .gate import Judged, Progress, Verdict, gain, judge
from .llm.adapter import lora, save_whole
from .llm.base import LlmBase, chat_ids, open_base
from .llm.config import ScenarioConfig, weights_of
from .llm.generation import Answer, Writer, smoke
from .llm.held import drawn_apart
from .llm.labels import check_batch
from .llm.silence import silent
from .llm.similarity import nearness
from .llm.teacher import Lesson, lessons, split
from .training import quiet, run_training
from .workplace import Workplace, write_whole

SIMILARITY, VALID, ENDED = "similarity", "valid", "ended"
"""What is measured: nearness to the teacher's scenarios, answers that can be read, answers that end."""
PROBES = 2
"""Examples on which the saved model is compared with the trained one."""


def train_scenarios(config: ScenarioConfig, progress: Progress = quiet) -> TrainingReport | None:
    """Train, merge, check, judge and save an LLM that writes scenarios.

    The same call goes on with a run that was broken off, and returns the report of one that has ended. Where
    several processes train together (torchrun), all but the first return None.

    Raises:
        ScenarioFileError, SourceError, UsageError: data or choices that cannot be used.
        ModelError: the base cannot be used, a check failed, or a checkpoint could not be written.
        MissingDependency: the ``train`` extra is not installed.
    """
    require_training("trl", "peft")
    require_one_gpu_a_process(config)
    trained = _Scenarios(config)
    with silent():
        return run_training(config, trained, progress, trained.compare)


@dataclass(frozen=True)
class Prepared:
    """Lessons to train on, to choose the best step by, and to judge by; the last are of ``held``."""

    train: list[Lesson]
    choosing: list[Lesson]
    judging: list[Lesson]
    records: int
    held: int
    sha256: str
    notes: tuple[str, ...]

    @property
    def dev_name(self) -> str:
        return f"Answers without a schema on {len(self.judging)} held-out passages"

    @property
    def counts(self) -> TrainingCounts:
        return TrainingCounts(
            records=self.records, rows=len(self.train), dev_queries=0, dev_documents=self.held
        )


@dataclass
class _Scenarios:
    """How a scenario generator is made, as ``run_training`` asks for it."""

    config: ScenarioConfig
    kind: TrainedKind = "scenarios"
    _opened: list[LlmBase] = field(default_factory=list)

    def prepare(self) -> Prepared:
        config = self.config
        base = self._base()
        taught = lessons(config.data, config.documents)
        found, notes = _fitting(taught.lessons, base, config)
        train, held = split(found, config.dev_share, config.seed)
        choosing, judging = drawn_apart(held, config.dev_rows, config.gate_rows, config.seed)
        return Prepared(
            train, choosing, judging, len(taught.lessons), len(held), taught.sha256, (*taught.notes, *notes)
        )

    def revision(self) -> str:
        return self._base().revision

    def fit(self, prepared: Prepared, place: Workplace, progress: Progress) -> Fitted:
        from datasets import Dataset
        from trl.trainer.sft_config import SFTConfig

        from .llm.sft import AnswerTrainer

        config, base = self.config, self._base()
        rows = _rows(prepared.train, config.needs)
        trainer = AnswerTrainer(
            model=base.model(weights_of(config)),
            args=SFTConfig(
                **run_arguments(config, place),
                per_device_eval_batch_size=config.batch,
                prediction_loss_only=True,
                metric_for_best_model="eval_loss",
                greater_is_better=False,
                max_length=None,
                completion_only_loss=True,
                gradient_checkpointing=config.gradient_checkpointing,
                train_sampling_strategy="group_by_length",
            ),
            train_dataset=Dataset.from_list(rows),
            eval_dataset=Dataset.from_list(_rows(prepared.choosing, config.needs)),
            processing_class=base.tokenizer,
            peft_config=lora(config),
            callbacks=run_callbacks(config, progress),
        )
        read: Any = trainer.train_dataset
        first = [read[number] for number in range(min(len(rows), config.batch))]
        batch = trainer.data_collator(first)
        said = check_batch(batch["labels"], batch["attention_mask"], base.ends)
        fitted = run(trainer, place)
        if not is_main():
            return fitted
        model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
        probes = [
            chat_ids(
                base.tokenizer,
                [*lesson.prompt(config.needs), {"role": "assistant", "content": lesson.answer(config.needs)}],
                answer=True,
            )
            for lesson in prepared.judging[:PROBES]
        ]
        merged = save_whole(model, base, place.model, probes)
        return replace(fitted, checks=(said, merged))

    def compare(self, prepared: Prepared, place: Workplace, progress: Progress) -> Judged:
        """Both write for held-out passages, with no schema to hold them to the form."""
        config, judging = self.config, prepared.judging
        encoder = load_dense(config.encoder)
        theirs = [_scenarios(lesson.record, config.needs) for lesson in judging]
        values: dict[str, list[list[float]]] = {SIMILARITY: [], VALID: [], ENDED: []}
        wrong = ""
        for label, name in (("before", self.config.base), ("after", str(place.model))):
            answers = self._answers(name, judging, place.work / f"answers-{label}.json", progress, label)
            read = [read_answer(answer.text, config.needs) for answer in answers]
            values[VALID].append([float(found is not None) for found in read])
            values[ENDED].append([float(answer.ended) for answer in answers])
            values[SIMILARITY].append(nearness(theirs, [found or [] for found in read], encoder))
            wrong = smoke(answers) or ("" if any(values[VALID][-1]) else "no answer of it can be read")
        found = {name: gain(*both) for name, both in values.items()}
        verdict = judge(found, SIMILARITY, tolerance=config.tolerance)
        if wrong:
            return Judged(found, Verdict(False, f"Refused: {wrong}; {verdict.sentence}"))
        return Judged(found, verdict, checks=(f"It writes: {ended(found[ENDED].after.mean)}",))

    def _answers(
        self, name: str, judging: Sequence[Lesson], kept: Path, progress: Progress, label: str
    ) -> list[Answer]:
        """What a model writes; kept, since it takes long."""
        if kept.is_file():
            return [Answer(**each) for each in json.loads(kept.read_text(encoding="utf-8"))]
        config = self.config
        prompts = [lesson.prompt(config.needs) for lesson in judging]
        answers = Writer(open_base(name), config.device).answers(
            prompts,
            max_tokens=config.answer_tokens,
            told=lambda done: progress(f"Writing {label}", done, len(prompts)),
        )
        write_whole(kept, json.dumps([asdict(answer) for answer in answers]))
        return answers

    def _base(self) -> LlmBase:
        if not self._opened:
            self._opened.append(open_base(self.config.base))
        return self._opened[0]


def read_answer(text: str, needs: int) -> list[Scenario] | None:
    """The scenarios of an answer as ingest reads it; None where ingest would have to ask again."""
    try:
        analysis = parse_analysis(text)
    except ValueError:
        return None
    return _scenarios(
        ScenarioRecord(
            doc_id="-", document_analysis=analysis.document_analysis(), explanation=analysis.explanation()
        ),
        needs,
    )


def ended(share: float) -> str:
    """A sentence on how many answers came to an end by themselves."""
    return f"{share:.0%} of its answers end by themselves."


def _scenarios(record: ScenarioRecord, needs: int) -> list[Scenario]:
    return list(record.scenarios()[:needs])


def _rows(found: Sequence[Lesson], needs: int) -> list[dict[str, Any]]:
    """Prompt and answer, as TRL reads them."""
    return [
        {
            "prompt": lesson.prompt(needs),
            "completion": [{"role": "assistant", "content": lesson.answer(needs)}],
        }
        for lesson in found
    ]


def _fitting(
    found: Sequence[Lesson], base: LlmBase, config: ScenarioConfig
) -> tuple[list[Lesson], tuple[str, ...]]:
    """Lessons whose passages are cut until ``max_tokens`` hold prompt and answer; and what was done."""
    kept: list[Lesson] = []
    cut = lost = 0
    for lesson in found:
        whole = _cut(lesson, base, config)
        if whole is None:
            lost += 1
        else:
            cut += whole is not lesson
            kept.append(whole)
    notes = []
    if cut:
        notes.append(f"Passages cut so that prompt and answer have {config.max_tokens} tokens: {cut}.")
    if lost:
        notes.append(f"Lines left out, as {config.max_tokens} tokens do not hold prompt and answer: {lost}.")
    return kept, tuple(notes)


def _cut(lesson: Lesson, base: LlmBase, config: ScenarioConfig) -> Lesson | None:
    answer = {"role": "assistant", "content": lesson.answer(config.needs)}
    while True:
        ids = chat_ids(base.tokenizer, [*lesson.prompt(config.needs), answer], answer=True)
        over = len(ids) - config.max_tokens
        if over <= 0:
            return lesson
        text = base.tokenizer(lesson.text, add_special_tokens=False)["input_ids"]
        if len(text) <= over:
            return None
        lesson = replace(lesson, text=base.tokenizer.decode(text[: len(text) - over]))
