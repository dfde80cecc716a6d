import time, pytest
from pathlib import Path
pytestmark=[pytest.mark.timeout(7200)]
def test_stay(airflow, quick_engine, slow_engine, slow_model, browser):
    slow_model.delay=.3
    stop=Path("/tmp/w/front_dev/stop"); stop.unlink(missing_ok=True)
    r=airflow.trigger("letters")
    Path("/tmp/w/front_dev/world").write_text(f"{airflow.address} {airflow.token('admin')} {quick_engine.address} {slow_engine.address} {r} {airflow.home}")
    while not stop.exists(): time.sleep(1)
