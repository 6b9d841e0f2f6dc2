"""The CLIP tokenizer of Stable Diffusion: its vocabulary as package data (MIT, from open_clip; see LICENSE)."""
