"""What a triggerer watches on an engine."""
