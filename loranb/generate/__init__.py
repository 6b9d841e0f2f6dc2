"""Draw pictures with a LoRA: prompts as web UIs and kohya write them, samplers, single pictures and grids."""
