"""An Airflow connection made into clients."""
