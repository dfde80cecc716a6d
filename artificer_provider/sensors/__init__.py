"""What a DAG waits for on an engine."""
