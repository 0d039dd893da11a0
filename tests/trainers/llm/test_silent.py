"""The failures that show only after training: each is made on purpose, and told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from augury.errors import ModelError
from augury.trainers.expander import check_still
from augury.trainers.llm import adapter
from augury.trainers.llm.adapter import lora, open_adapter, save_whole
from augury.trainers.llm.base import LlmBase, chat_ids, open_base
from augury.trainers.llm.config import ExpanderConfig
from augury.trainers.llm.generation import Answer, Writer, smoke
from augury.trainers.llm.labels import IGNORED, check_batch
from tests.trainers.llm.conftest import CHAT, END

CHATS = [[{"role": "user", "content": "a kettle"}, {"role": "assistant", "content": "a sink"}]]


def with_lora(base: LlmBase, size: float = 0.5) -> Any:
    """The base with an adapter that has learnt something."""
    from peft import get_peft_model

    torch.manual_seed(2)
    model = get_peft_model(base.model(torch.float32), lora(ExpanderConfig(data="-", to="-")))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=size)
    return model


def probes(base: LlmBase) -> list[list[int]]:
    return [chat_ids(base.tokenizer, chat, answer=True) for chat in CHATS]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_saved_is_what_was_trained(
    tiny_llm: Callable[..., Path], tmp_path: Path, dtype: torch.dtype
) -> None:
    base = open_base(str(tiny_llm(dtype=dtype)))
    assert base.dtype is dtype
    said = save_whole(with_lora(base, 0.1), base, tmp_path / "model", probes(base))
    assert "within" in said
    again = open_base(str(tmp_path / "model"))
    assert (again.dtype, again.ends) == (dtype, base.ends)


def test_an_adapter_that_is_lost_in_the_merge_is_told(tiny_llm: Callable[..., Path], tmp_path: Path) -> None:
    base = open_base(str(tiny_llm()))
    model = with_lora(base)
    model.merge_and_unload = model.unload  # as with an adapter that was not active
    with pytest.raises(ModelError, match="merged model is not the trained one"):
        save_whole(model, base, tmp_path / "model", probes(base))
    assert not (tmp_path / "model").exists()


def test_a_folder_that_is_not_what_was_merged_is_told(
    tiny_llm: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = open_base(str(tiny_llm()))
    write = adapter._write
    monkeypatch.setattr(adapter, "_write", lambda _, base, out: write(base.model(torch.float32), base, out))
    with pytest.raises(ModelError, match="saved model is not the trained one"):
        save_whole(with_lora(base), base, tmp_path / "model", probes(base))


def trainer_with(model: Any, base: LlmBase, folder: Path, **more: Any) -> Any:
    from datasets import Dataset
    from trl.trainer.dpo_config import DPOConfig

    from augury.trainers.llm.dpo import PreferenceTrainer

    row = {
        "prompt": CHATS[0][:1],
        "chosen": [{"role": "assistant", "content": "a kettle"}],
        "rejected": [{"role": "assistant", "content": "a lamp"}],
    }
    rows = Dataset.from_list([row, row])
    return PreferenceTrainer(
        model=model,
        args=DPOConfig(
            output_dir=str(folder),
            use_cpu=True,
            bf16=False,
            report_to=[],
            disable_tqdm=True,
            gradient_checkpointing=False,
            dataloader_pin_memory=False,
        ),
        train_dataset=rows,
        eval_dataset=rows,
        processing_class=base.tokenizer,
        **more,
    )


def test_a_policy_that_has_not_moved_is_its_reference(tiny_llm: Callable[..., Path], tmp_path: Path) -> None:
    base = open_base(str(tiny_llm()))
    fresh = trainer_with(base.model(torch.float32), base, tmp_path, peft_config=lora(expander()))
    assert "its rewards are 0" in check_still(fresh)
    with_lora(base).save_pretrained(str(tmp_path / "sft"))
    opened = open_adapter(base.model(torch.float32), str(tmp_path / "sft"), trainable=True)
    assert "its rewards are 0" in check_still(trainer_with(opened, base, tmp_path))


def test_a_template_that_refuses_a_system_message_is_told(tiny_llm: Callable[..., Path]) -> None:
    refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHAT
    base = open_base(str(tiny_llm(chat=refusing)))
    with pytest.raises(ModelError, match="refuses messages of system, user: no system"):
        chat_ids(base.tokenizer, [{"role": "system", "content": "a"}, *CHATS[0][:1]], answer=False)


def test_an_adapter_whose_reference_is_the_bare_base_is_told(
    tiny_llm: Callable[..., Path], tmp_path: Path
) -> None:
    base = open_base(str(tiny_llm()))
    trainer = trainer_with(with_lora(base), base, tmp_path)
    trainer.model.delete_adapter("ref")  # so that the reference is what is left: the base without any
    with pytest.raises(ModelError, match="The reference is not the model that training starts from"):
        check_still(trainer)


def expander() -> ExpanderConfig:
    return ExpanderConfig(data="-", to="-")


def test_padding_and_ends_are_looked_at() -> None:
    end = 9
    labels = torch.tensor([[IGNORED, 4, end, IGNORED], [IGNORED, IGNORED, 5, end]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])
    assert "the end of an answer is" in check_batch(labels, mask, frozenset({end}))
    with pytest.raises(ModelError, match="Padding would be learnt"):
        check_batch(labels.clone().index_fill_(1, torch.tensor([3]), end), mask, frozenset({end}))
    with pytest.raises(ModelError, match="would never stop"):
        check_batch(labels.masked_fill(labels == end, 3), mask, frozenset({end}))
    with pytest.raises(ModelError, match="answer from the prompt"):
        check_batch(labels.index_fill(1, torch.tensor([0]), 4), mask, frozenset({end}))


@pytest.mark.parametrize(
    ("chat", "told"),
    [
        (None, "has no chat template"),
        (CHAT.replace("{{ m['content'] }}<|end|>", "{{ m['content'] }}"), "no token that stops generation"),
        ("{% if add_generation_prompt %}Now: {% endif %}" + CHAT, "writes a prompt otherwise"),
    ],
)
def test_a_template_that_would_teach_the_wrong_thing_is_refused(
    tiny_llm: Callable[..., Path], chat: str | None, told: str
) -> None:
    with pytest.raises(ModelError, match=told):
        open_base(str(tiny_llm(chat=chat)))


@pytest.mark.parametrize("pad", [None, END])
def test_a_base_without_a_padding_token_of_its_own_will_do(
    tiny_llm: Callable[..., Path], pad: str | None
) -> None:
    base = open_base(str(tiny_llm(pad=pad)))
    assert base.tokenizer.pad_token_id in base.ends


def test_answers_do_not_hang_on_what_stands_beside_them(tiny_llm: Callable[..., Path]) -> None:
    base = open_base(str(tiny_llm()))
    prompts = [
        [{"role": "user", "content": text}] for text in ("a kettle", "a sink, a trap and a drain", "b")
    ]
    together = Writer(base, "cpu").answers(prompts, max_tokens=12)
    alone = [Writer(base, "cpu").answers([prompt], max_tokens=12)[0] for prompt in prompts]
    assert together == alone


@pytest.mark.parametrize(
    ("texts", "wrong"),
    [(["", " "], "nothing"), (["ab ab ab ab"], "same word"), (["", "a kettle that boils"], "")],
)
def test_what_is_written_is_looked_at(texts: list[str], wrong: str) -> None:
    assert wrong in smoke([Answer(text, True) for text in texts])
    assert bool(smoke([Answer(text, True) for text in texts])) == bool(wrong)


def test_the_shared_beginning_gives_the_loss_and_gradient_of_the_library(
    tiny_llm: Callable[..., Path],
) -> None:
    from torch.nn.functional import cross_entropy

    from augury.trainers.llm.sft import answer_loss, common_prefix

    base = open_base(str(tiny_llm()))
    torch.manual_seed(0)
    ids = torch.randint(5, 900, (3, 60))
    ids[:, :40] = ids[0, :40]
    labels = ids.clone()
    labels[:, :44] = IGNORED
    mask = torch.ones_like(ids)
    ids[1, 55:], labels[1, 55:], mask[1, 55:] = 2, IGNORED, 0
    batch = SimpleNamespace(input_ids=ids, labels=labels, attention_mask=mask).__dict__
    length = common_prefix(ids, labels)
    assert length == 40
    found = []
    for shared in (True, False):
        model = base.model(torch.float32)
        if shared:
            loss = answer_loss(model, batch, length)
        else:
            out = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
            loss = cross_entropy(
                out.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum"
            )
        loss.backward()  # type: ignore[no-untyped-call]
        found.append((loss.detach(), {name: p.grad for name, p in model.named_parameters()}))
    torch.testing.assert_close(found[0][0], found[1][0])
    for name, gradient in found[1][1].items():
        torch.testing.assert_close(found[0][1][name], gradient, atol=1e-4, rtol=1e-4)
