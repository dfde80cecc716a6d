"""A small language model of the engine's own: its weights, and the process that it answers in."""
