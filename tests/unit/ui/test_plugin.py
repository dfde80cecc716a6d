"""What every Airflow process loads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import artificer_provider.ui
from artificer_provider.get_provider_info import get_provider_info

UI = Path(artificer_provider.ui.__file__).parent

LOADING = """
import sys
from airflow.providers.common.compat.sdk import AirflowPlugin, conf
before = set(sys.modules)
from artificer_provider.ui.plugin import ArtificerPlugin
assert ArtificerPlugin().name == "artificer"
print(*sorted(set(sys.modules) - before))
"""


def test_loading_the_plugin_imports_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    # The package itself may be there already: Airflow reads what it says of itself.
    assert loaded - {"artificer_provider"} == {"artificer_provider.ui", "artificer_provider.ui.plugin"}


def test_the_provider_names_the_plugin_that_is_there() -> None:
    from artificer_provider.ui.plugin import ArtificerPlugin

    told = get_provider_info()["plugins"]
    where = f"{ArtificerPlugin.__module__}.{ArtificerPlugin.__qualname__}"
    assert told == [{"name": ArtificerPlugin.name, "plugin-class": where}]


def test_the_class_and_an_instance_of_it_offer_the_same_app() -> None:
    from artificer_provider.ui.plugin import ArtificerPlugin

    [of_class], [of_instance] = ArtificerPlugin.fastapi_apps, ArtificerPlugin().fastapi_apps
    assert of_class["app"] is of_instance["app"]
    assert len({app["url_route"] for app in ArtificerPlugin.react_apps}) == 2


def test_one_file_alone_reaches_into_airflow() -> None:
    inside = re.compile(r"(?:from|import) airflow\.(?!providers\.common\.compat)")
    assert [file.name for file in UI.glob("*.py") if inside.search(file.read_text())] == ["_airflow.py"]
