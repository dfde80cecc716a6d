"""Notifiers: what an engine says of a failure, for the people on call."""
