"""From a GGUF file to a folder that vLLM and transformers load: ``to_checkpoint(gguf, out)``.

The starter LLM comes as GGUF, which transformers reads but can neither train nor save, and which vLLM serves
slowly or not at all. The weights are unpacked once, to bfloat16.

Needs the extra ``convert``: packages ``gguf`` and ``accelerate``.
"""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from ..errors import MissingDependency, ModelError, ModelNotFound, first_line
from .folder import WEIGHTS, file_sha256, matches
from .registry import STARTER
from .resolve import resolve
from .whole import WAIT_S, appear

if TYPE_CHECKING:
    from transformers import PreTrainedModel

EXTRA = "convert"
MAGIC = b"GGUF"
MADE_FROM = "converted.json"
"""Written into the checkpoint: the sha256 of the GGUF it was made from."""
DIGITS_ALONE = frozenset({"smollm"})
"""Values of ``tokenizer.ggml.pre`` whose merges never cross a digit. transformers knows no such splitting
and would cut the blanks before a number otherwise than the model was taught; llama.cpp names it."""


def gguf_path(name: str) -> Path:
    """``gguf_path("starter:smollm2")``: a starter's GGUF file, fetched if need be, or the file of that name.

    Raises:
        ModelNotFound: there is no such file or starter.
        ModelFetchError: the starter could not be fetched.
        ModelError: the starter is no GGUF.
    """
    if not name.startswith(STARTER):
        return Path(name).expanduser()
    files = sorted(resolve(name).path.glob("*.gguf"))
    if not files:
        raise ModelError(f"{name} is no GGUF", "Convert starter:smollm2, or name a .gguf file")
    return files[0]


def to_checkpoint(gguf: Path, out: Path) -> Path:
    """``to_checkpoint(Path("model.gguf"), Path("model"))``: unpack a GGUF into a model folder.

    The folder holds config, bfloat16 safetensors, generation config and the tokenizer with its chat
    template. It appears whole, by one rename; one that was made from the same file is kept as it is.

    Raises:
        MissingDependency: the packages of the extra ``convert`` are missing.
        ModelNotFound: there is no such file.
        ModelError: it is no GGUF or of an unknown architecture, or ``out`` holds something else.
    """
    _check_magic(gguf)
    made_from = file_sha256(gguf)

    def fill(scratch: Path) -> Path:
        for package in ("gguf", "accelerate"):
            if find_spec(package) is None:
                raise MissingDependency(package, EXTRA)
        folder = scratch / "model"
        _convert(gguf, folder)
        record = {"gguf": gguf.name, "sha256": made_from}
        (folder / MADE_FROM).write_text(json.dumps(record) + "\n", encoding="utf-8")
        return folder

    try:
        appear(
            out,
            fill,
            lambda: _is_made_from(out, made_from),
            lock=f".{out.name}.lock",
            scratch=f".{out.name}.convert-",
        )
    except Timeout as error:
        raise ModelError(
            f"Another process has been making {out} for {WAIT_S:.0f} s", "End it, then try again"
        ) from error
    return out


def _check_magic(gguf: Path) -> None:
    if not gguf.is_file():
        raise ModelNotFound(f"There is no file {gguf}", "Name a .gguf file, or starter:smollm2")
    with gguf.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ModelError(f"{gguf} is no GGUF file", "Name a .gguf file, or starter:smollm2")


def _is_made_from(out: Path, sha256: str) -> bool:
    """Whether ``out`` holds this very model; False where there is nothing yet.

    Raises:
        ModelError: it holds something else, which is not ours to replace.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        known = json.loads((out / MADE_FROM).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        known = None
    if known == sha256 and any(matches(file.name, WEIGHTS) for file in out.iterdir()):
        return True
    raise ModelError(
        f"{out} exists and holds something else than this model", "Choose another folder, or delete that one"
    )


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    try:
        with redirect_stderr(io.StringIO()):  # a library draws no progress bars
            tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
            loaded = AutoModelForCausalLM.from_pretrained(
                gguf.parent,
                gguf_file=gguf.name,
                dtype=torch.bfloat16,
                quantization_config=GgufConfig(dequantize=True),
            )
            model = _as_saveable(loaded)
            if _pre_tokenizer(gguf) in DIGITS_ALONE:
                _split_digits(tokenizer)
            tokenizer.model_max_length = model.config.max_position_embeddings
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
    except OSError:
        raise
    except Exception as error:
        reason = first_line(error)
        raise ModelError(
            f"{gguf} cannot be converted: {reason}",
            "Check that the file is whole and of an architecture that transformers reads as GGUF",
        ) from error


def _as_saveable(loaded: PreTrainedModel) -> PreTrainedModel:
    """The same model without its origin: one that was loaded from GGUF refuses to be saved."""
    import torch

    origin = ("quantization_config", "_model_name_or_path")
    settings = {key: value for key, value in loaded.config.to_dict().items() if key not in origin}
    with torch.device("meta"):  # the weights are handed over, not copied
        model = type(loaded)(type(loaded.config).from_dict(settings))
    model.load_state_dict(loaded.state_dict(), assign=True)
    model.tie_weights()
    model.generation_config = loaded.generation_config
    return model


def _pre_tokenizer(gguf: Path) -> str:
    from gguf import GGUFReader

    field = GGUFReader(gguf).get_field("tokenizer.ggml.pre")
    return "" if field is None else str(field.contents())


def _split_digits(tokenizer: Any) -> None:
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    )
