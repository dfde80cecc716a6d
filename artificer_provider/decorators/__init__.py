"""What is written ``@task.artificer_…`` in a DAG."""
