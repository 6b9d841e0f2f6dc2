"""What a run will need and leave: memory, minutes, files. Computed from shapes, without torch."""
