"""The Airflow plugin: the pages that show jobs, and the API behind them."""
