"""What answers a phase: extractive methods that run here, or an OpenAI-compatible server somewhere else."""
