"""What a DAG does on an engine."""
