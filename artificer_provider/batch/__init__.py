"""What a batch run is: pure decisions over values. No HTTP, no Airflow, no clock but the one passed in."""
