"""A client for the AI Workflow Engine API, good without Airflow."""
