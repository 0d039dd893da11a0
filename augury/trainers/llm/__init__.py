"""What the trainers of LLMs share: the base and its chat template, the LoRA and its merge, and generation."""
