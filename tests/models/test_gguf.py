"""A tiny Llama as GGUF, quantised like the starter, and what becomes of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import quantize
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from augury.cli import main
from augury.errors import MissingDependency, ModelError, ModelNotFound
from augury.models import gguf as module
from augury.models.gguf import MADE_FROM, gguf_path, to_checkpoint
from augury.models.resolve import resolve

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
BYTES = ["Ċ", "Ġ", *"0123456789abcdefghijklmnopqrstuvwxyz<>|_."]
MERGES = ["Ċ Ċ", "h i"]
TOKENS = [*SPECIAL, *BYTES, *(merge.replace(" ", "") for merge in MERGES)]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
WIDTH, HEADS, KV_HEADS, HIDDEN = 64, 4, 2, 96
SHAPES = {
    "token_embd": (len(TOKENS), WIDTH),
    "blk.0.attn_q": (WIDTH, WIDTH),
    "blk.0.attn_k": (WIDTH // HEADS * KV_HEADS, WIDTH),
    "blk.0.attn_v": (WIDTH // HEADS * KV_HEADS, WIDTH),
    "blk.0.attn_output": (WIDTH, WIDTH),
    "blk.0.ffn_gate": (HIDDEN, WIDTH),
    "blk.0.ffn_up": (HIDDEN, WIDTH),
    "blk.0.ffn_down": (WIDTH, HIDDEN),
}
NORMS = ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm")


def write_gguf(path: Path, *, seed: int = 0, architecture: str = "llama") -> Path:
    random = np.random.default_rng(seed)
    writer = GGUFWriter(path, architecture)
    writer.add_name("Tiny")
    writer.add_block_count(1)
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    kinds = [TokenType.CONTROL] * len(SPECIAL) + [TokenType.NORMAL] * (len(TOKENS) - len(SPECIAL))
    writer.add_token_types(kinds)
    writer.add_token_merges(MERGES)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_chat_template(TEMPLATE)
    for name, shape in SHAPES.items():
        values = random.normal(0, 0.2, shape).astype(np.float32)
        packed = quantize(values, GGMLQuantizationType.Q4_1)
        writer.add_tensor(f"{name}.weight", packed, raw_dtype=GGMLQuantizationType.Q4_1)
    for name in NORMS:
        writer.add_tensor(f"{name}.weight", random.uniform(0.5, 1.5, WIDTH).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def checkpoint(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return to_checkpoint(tiny_gguf, tmp_path_factory.mktemp("out") / "tiny")


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        output: torch.Tensor = model(input_ids=torch.arange(20)[None]).logits.float()
    return output


def test_the_weights_are_those_of_the_gguf_in_bfloat16(tiny_gguf: Path, checkpoint: Path) -> None:
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        tiny_gguf.parent, gguf_file=tiny_gguf.name, dtype=torch.float32
    )
    expected = loaded.state_dict()
    found = load_file(checkpoint / "model.safetensors")
    assert found.keys() == expected.keys() - {"lm_head.weight"}  # tied to the embedding
    for name, weights in found.items():
        assert weights.dtype == torch.bfloat16
        assert torch.equal(weights, expected[name].to(torch.bfloat16)), name
    converted: Any = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    assert torch.allclose(logits(converted), logits(loaded), atol=2e-2 * float(logits(loaded).abs().max()))


def test_the_folder_is_an_ordinary_model(checkpoint: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["dtype"] == "bfloat16"
    assert not {"quantization_config", "_model_name_or_path"} & config.keys()
    generation = json.loads((checkpoint / "generation_config.json").read_text())
    assert TOKENS[generation["eos_token_id"]] == "<|im_end|>"
    found = resolve(str(checkpoint))
    assert found.local
    model: Any = AutoModelForCausalLM.from_pretrained(checkpoint)
    model.save_pretrained(checkpoint.parent / "again")


def test_the_tokenizer_has_its_template_and_keeps_blanks_before_a_number(checkpoint: Path) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint)
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    assert chat == "<|im_start|>user\nhi<|im_end|>\n"
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.model_max_length == 128
    assert tokenizer.tokenize("hi\n\n12") == ["hi", "ĊĊ", "1", "2"]


def test_a_checkpoint_is_made_once(
    tiny_gguf: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_convert", lambda *_: pytest.fail("converted again"))
    assert to_checkpoint(tiny_gguf, checkpoint) == checkpoint


def test_another_model_is_not_replaced(checkpoint: Path, tmp_path: Path) -> None:
    other = write_gguf(tmp_path / "other.gguf", seed=1)
    with pytest.raises(ModelError, match=r"something else .* Choose another folder"):
        to_checkpoint(other, checkpoint)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "precious.txt").write_text("")
    with pytest.raises(ModelError, match="something else"):
        to_checkpoint(other, tmp_path / "notes")
    with pytest.raises(ModelError, match="something else"):
        to_checkpoint(other, other)


def test_a_damaged_checkpoint_is_not_taken_for_a_whole_one(
    tiny_gguf: Path, checkpoint: Path, tmp_path: Path
) -> None:
    damaged = shutil.copytree(checkpoint, tmp_path / "damaged")
    (damaged / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="something else"):
        to_checkpoint(tiny_gguf, damaged)


def test_a_killed_conversion_leaves_no_model_and_the_next_one_sweeps_up(
    tiny_gguf: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m[o]del"
    code = f"""
import time
from pathlib import Path
from augury.models import gguf
def half(source, folder):
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"half")
    time.sleep(60)
gguf._convert = half
gguf.to_checkpoint(Path({str(tiny_gguf)!r}), Path({str(out)!r}))
"""
    converting = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("model.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.05)
    converting.send_signal(signal.SIGKILL)
    converting.wait()
    assert list(tmp_path.rglob("model.safetensors"))
    assert not out.exists()
    to_checkpoint(tiny_gguf, out)
    assert {path.name for path in tmp_path.iterdir()} <= {out.name, f".{out.name}.lock"}
    assert (out / MADE_FROM).is_file()


@pytest.mark.parametrize("text", [b"", b"PK\x03\x04 a zip"])
def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "model.gguf").write_bytes(text)
    with pytest.raises(ModelError, match=r"model\.gguf is no GGUF file\. Name a \.gguf file"):
        to_checkpoint(tmp_path / "model.gguf", tmp_path / "out")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="There is no file"):
        to_checkpoint(tmp_path / "model.gguf", tmp_path / "out")


def test_a_truncated_file_leaves_nothing(tiny_gguf: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny_gguf.read_bytes()[:-4096])
    with pytest.raises(ModelError, match=r"cut\.gguf cannot be converted: .* Check that the file is whole"):
        to_checkpoint(cut, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out.convert-*"))


def test_an_unknown_architecture_is_named(tmp_path: Path) -> None:
    odd = write_gguf(tmp_path / "odd.gguf", architecture="mamba3d")
    with pytest.raises(ModelError, match="mamba3d"):
        to_checkpoint(odd, tmp_path / "out")


@pytest.mark.parametrize("package", ["gguf", "accelerate"])
def test_a_missing_package_is_named_with_its_extra(
    tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(MissingDependency, match=rf"{package} is not installed.*augury\[convert\]"):
        to_checkpoint(tiny_gguf, tmp_path / "out")


def test_a_name_is_a_starter_or_a_file(tmp_path: Path) -> None:
    assert gguf_path(str(tmp_path / "model.gguf")) == tmp_path / "model.gguf"
    with pytest.raises(ModelError, match="starter:splade-tiny is no GGUF"):
        gguf_path("starter:splade-tiny")


def test_the_command_prints_the_folder(tiny_gguf: Path, checkpoint: Path, tmp_path: Path) -> None:
    call = ["models", "convert", str(tiny_gguf), "--to", str(checkpoint)]
    assert CliRunner().invoke(main, call).stdout == f"{checkpoint}\n"
    found = json.loads(CliRunner().invoke(main, [*call, "--json"]).stdout)
    assert found == {"name": str(tiny_gguf), "path": str(checkpoint)}
    result = CliRunner().invoke(main, ["models", "convert", str(tmp_path / "no.gguf"), "--to", "x"])
    assert result.exit_code == 1
    assert "There is no file" in result.stderr


def test_importing_it_imports_no_torch() -> None:
    code = "import sys, augury.models.gguf; assert not {'torch', 'transformers', 'gguf'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONWARNINGS": "error"})
