"""LoRA adapters and the files that hold them."""
