"""Ways in from other trainers, and out to them."""
