"""The embedded engine: one process, one SQLite file, the REST contract of the AI Workflow Engine API."""
