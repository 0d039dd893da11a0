"""Teach an LLM to write expansions that help a search: ``train_expander(expander_config({...}))``.

DPO (Rafailov et al. 2023, https://arxiv.org/abs/2305.18290) on pairs of passages ranked by what a search
does with them, as in ExpandR (Yao et al. 2025, https://arxiv.org/abs/2502.17057).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ..connector.query.expansion_prompt import parse_passage
from ..errors import ModelError
from ..models.device import pick_device, pick_dtype
from ..schemas.preferences import PreferencePair
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
from .llm.adapter import lora, open_adapter, save_whole
from .llm.base import LlmBase, Messages, chat_ids, open_base
from .llm.config import ExpanderConfig, weights_of
from .llm.generation import Writer, smoke
from .llm.held import drawn_apart
from .llm.labels import IGNORED, check_batch
from .llm.likelihood import log_likelihoods
from .llm.pairs import read_pairs, split_pairs
from .llm.silence import silent
from .training import quiet, run_training
from .workplace import Workplace

ACCURACY, PREFERRED = "accuracy", "preferred"
"""Share of held-out pairs whose chosen passage gained more on the reference than the rejected one, where the
reference itself has one half; and share whose chosen passage is likelier, by the mean of its tokens."""
PROBES, WRITTEN = 2, 8
"""Pairs on which the saved model is compared with the trained one; queries that it writes for."""
STILL = 1e-3
"""Largest reward, in nats times beta, that a policy may have before its first step."""


def train_expander(config: ExpanderConfig, progress: Progress = quiet) -> TrainingReport | None:
    """Train, merge, check, judge and save an LLM that writes expansions.

    The same call goes on with a run that was broken off, and returns the report of one that has ended. Where
    several processes train together (torchrun), all but the first return None.

    Raises:
        SourceError, TrainingDataError, UsageError: data or choices that cannot be used.
        ModelError: the base cannot be used, a check failed, or a checkpoint could not be written.
        MissingDependency: the ``train`` extra is not installed.
    """
    require_training("trl", "peft")
    require_one_gpu_a_process(config)
    trained = _Expander(config)
    with silent():
        return run_training(config, trained, progress, trained.compare)


@dataclass(frozen=True)
class Prepared:
    """Pairs to train on, to choose the best step by, and to judge by."""

    train: list[PreferencePair]
    choosing: list[PreferencePair]
    judging: list[PreferencePair]
    records: int
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def dev_name(self) -> str:
        return f"{len(self.judging)} held-out preference pairs"

    @property
    def counts(self) -> TrainingCounts:
        queries = len({pair.query_id for pair in self.judging})
        return TrainingCounts(
            records=self.records, rows=len(self.train), dev_queries=queries, dev_documents=0
        )


@dataclass
class _Expander:
    """How an expander is made, as ``run_training`` asks for it."""

    config: ExpanderConfig
    kind: TrainedKind = "expander"
    _opened: list[LlmBase] = field(default_factory=list)

    def prepare(self) -> Prepared:
        config = self.config
        base = self._base()  # a wrong one shows before anything is read
        pairs, sha256 = read_pairs(config.data)
        fitting = [pair for pair in pairs if _tokens(pair, base) <= config.max_tokens]
        lost = len(pairs) - len(fitting)
        notes = (f"Pairs left out, as {config.max_tokens} tokens do not hold prompt and answer: {lost}.",)
        train, held = split_pairs(fitting, config.dev_share, config.seed)
        choosing, judging = drawn_apart(held, config.dev_rows, config.gate_rows, config.seed)
        return Prepared(train, choosing, judging, len(pairs), sha256, notes if lost else ())

    def revision(self) -> str:
        return self._base().revision

    def fit(self, prepared: Prepared, place: Workplace, progress: Progress) -> Fitted:
        from datasets import Dataset
        from trl.trainer.dpo_config import DPOConfig

        from .llm.dpo import PreferenceTrainer

        config, base = self.config, self._base()
        model = base.model(weights_of(config))
        trainer = PreferenceTrainer(
            model=open_adapter(model, config.adapter, trainable=True) if config.adapter else model,
            args=DPOConfig(
                **run_arguments(config, place),
                per_device_eval_batch_size=config.batch,
                prediction_loss_only=True,
                metric_for_best_model="eval_loss",
                greater_is_better=False,
                beta=config.beta,
                max_length=config.max_tokens,
                gradient_checkpointing=config.gradient_checkpointing,
            ),
            train_dataset=Dataset.from_list(_rows(prepared.train)),
            eval_dataset=Dataset.from_list(_rows(prepared.choosing)),
            processing_class=base.tokenizer,
            peft_config=None if config.adapter else lora(config),
            callbacks=run_callbacks(config, progress),
        )
        read: Any = trainer.train_dataset
        batch = trainer.data_collator([read[number] for number in range(min(len(read), config.batch))])
        labels = batch["input_ids"].masked_fill(batch["completion_mask"] == 0, IGNORED)
        said = check_batch(labels, batch["attention_mask"], base.ends)
        still = check_still(trainer)
        fitted = run(trainer, place)
        if not is_main():
            return fitted
        whole = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
        probes = [
            chat_ids(base.tokenizer, [*_prompt(pair), _answer(pair.chosen)], answer=True)
            for pair in prepared.judging[:PROBES]
        ]
        merged = save_whole(whole, base, place.model, probes)
        return replace(fitted, checks=(said, still, merged))

    def compare(self, prepared: Prepared, place: Workplace, progress: Progress) -> Judged:
        """The reference and the result on held-out pairs, and a look at what the result writes."""
        config, pairs = self.config, prepared.judging
        device = pick_device(config.device)
        dtype = pick_dtype(device) if device.startswith("cuda") else torch.float32
        seen: list[list[tuple[float, int]]] = []
        for label, opened in (("before", self._base()), ("after", open_base(str(place.model)))):
            model = opened.model(dtype)
            if label == "before" and config.adapter:
                model = open_adapter(model, config.adapter, trainable=False)
            model = model.to(device).eval()
            found: list[tuple[float, int]] = []
            for done, pair in enumerate(pairs, start=1):
                chats = [(_prompt(pair), pair.chosen), (_prompt(pair), pair.rejected)]
                found += log_likelihoods(model, opened, chats, max_tokens=config.max_tokens)
                progress(f"Measuring {label}", done, len(pairs))
            seen.append(found)
        before, after = seen
        gained = [b - a for (a, _), (b, _) in zip(before, after, strict=True)]
        margins = [chosen - rejected for chosen, rejected in zip(gained[::2], gained[1::2], strict=True)]
        measures = {
            ACCURACY: gain([0.5] * len(pairs), [0.5 if m == 0 else float(m > 0) for m in margins]),
            PREFERRED: gain(_preferred(before), _preferred(after)),
        }
        verdict = judge(measures, ACCURACY, tolerance=config.tolerance)
        wrong = self._wrong(pairs, place.model)
        if wrong:
            return Judged(measures, Verdict(False, f"Refused: {wrong}; {verdict.sentence}"))
        return Judged(measures, verdict, checks=("What it writes for held-out queries can be read.",))

    def _wrong(self, pairs: Sequence[PreferencePair], folder: Path) -> str:
        """What is wrong with what the saved model writes; empty where nothing is."""
        prompts = list({pair.query_id: _prompt(pair) for pair in pairs}.values())[:WRITTEN]
        writer = Writer(open_base(str(folder)), self.config.device)
        answers = writer.answers(prompts, max_tokens=self.config.answer_tokens)
        for answer in answers:
            try:
                parse_passage(answer.text)
            except ValueError as error:
                return f"an expansion cannot be read, as {error}"
        return smoke(answers)

    def _base(self) -> LlmBase:
        if not self._opened:
            self._opened.append(open_base(self.config.base))
        return self._opened[0]


def check_still(trainer: Any) -> str:
    """See that a policy that has not moved has no rewards: it is its own reference, as a sentence.

    Raises ``ModelError`` where it is not, as with a reference that is the base of an adapter and not it.
    """
    read = trainer.eval_dataset
    few = [read[number] for number in range(min(len(read), trainer.args.eval_batch_size))]
    batch = trainer._prepare_inputs(trainer.data_collator(few))
    trainer.model.eval()
    # Not trainer.evaluate(): it has the accelerator take the model for prepared, so that several processes
    # would train without sharing gradients, and it may compute policy and reference in different precisions.
    with torch.no_grad(), trainer.accelerator.autocast():
        trainer.compute_loss(trainer.model, batch)
    told = {name: values[-1] for name, values in trainer._metrics["eval"].items()}
    trainer._metrics["eval"].clear()
    largest = max(abs(told[f"rewards/{name}"]) for name in ("chosen", "rejected", "margins"))
    if not largest <= STILL:  # NaN too
        raise ModelError(
            f"The reference is not the model that training starts from: rewards of {largest:.3g} at step 0",
            "Name the adapter with --adapter, or merge it into its base and name that with --base",
        )
    return "Policy and reference are one before the first step: its rewards are 0."


def _preferred(values: Sequence[tuple[float, int]]) -> list[float]:
    means = [total / max(count, 1) for total, count in values]
    return [float(chosen > rejected) for chosen, rejected in zip(means[::2], means[1::2], strict=True)]


def _prompt(pair: PreferencePair) -> Messages:
    return [message.model_dump() for message in pair.prompt]


def _tokens(pair: PreferencePair, base: LlmBase) -> int:
    """Of the prompt with the longer answer."""
    return max(
        len(chat_ids(base.tokenizer, [*_prompt(pair), _answer(text)], answer=True))
        for text in (pair.chosen, pair.rejected)
    )


def _answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _rows(pairs: Sequence[PreferencePair]) -> list[dict[str, Any]]:
    """Prompt and both answers, as TRL reads them."""
    return [
        {"prompt": _prompt(pair), "chosen": [_answer(pair.chosen)], "rejected": [_answer(pair.rejected)]}
        for pair in pairs
    ]
