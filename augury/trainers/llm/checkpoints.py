"""What Augury asks of TRL's trainers beyond their own: whole checkpoints of what is trained, and silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from ..checkpoints import WEIGHTS, WholeCheckpoints


class LlmCheckpoints(WholeCheckpoints):
    """Mixed into a trainer of TRL. A checkpoint holds the weights that are trained, such as a LoRA."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: p.detach().contiguous() for name, p in self._trained()}, str(folder / WEIGHTS))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        kept = load_file(str(Path(resume_from_checkpoint) / WEIGHTS))
        for name, parameter in self._trained():
            parameter.data.copy_(kept[name])

    def _trained(self) -> list[tuple[str, Any]]:
        whole = self.accelerator.unwrap_model(self.model)
        return [(name, p) for name, p in whole.named_parameters() if p.requires_grad]

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: the card is Augury's own."""

    def _send_telemetry(self) -> None:
        """None: nobody is told what is trained here."""
