"""The connection form, as Airflow shows it: from metadata since 3.2, by the hook's methods before."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType
from typing import Any

import pytest
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
from airflow.providers_manager import ProvidersManager

from artificer_provider.connection_form import BEHAVIOUR, FIELDS
from artificer_provider.hooks.artificer import ArtificerHook
from artificer_provider.hooks.settings import Settings

#: What the API server of Airflow 3.1 has in the place of libraries that it does not need.
STANDINS: dict[str, dict[str, object]] = {
    "wtforms": {
        "BooleanField": HookMetaService.MockBooleanField,
        "IntegerField": HookMetaService.MockIntegerField,
        "StringField": HookMetaService.MockStringField,
    },
    "wtforms.validators": {
        "Optional": HookMetaService.MockOptional,
        "any_of": HookMetaService.MockEnum,
    },
    "flask_appbuilder": {},
    "flask_appbuilder.fieldwidgets": {"BS3TextFieldWidget": HookMetaService.MockAnyWidget},
}


@pytest.fixture
def _forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what the API server of Airflow 3.1 draws forms with."""
    for name, members in STANDINS.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)


def test_each_field_is_a_setting_and_each_setting_is_in_the_form() -> None:
    ours = set(Settings.__slots__) - {"base_url", "api_key"}
    assert set(FIELDS) == ours
    assert set(BEHAVIOUR["placeholders"]) <= {"host", "port", "password", *FIELDS}


def test_every_field_says_what_it_does_and_none_is_required() -> None:
    for name, field in FIELDS.items():
        schema = field["schema"]
        assert field["label"], name
        assert field["description"].endswith("."), name
        assert "null" in schema["type"] or "default" in schema, name


@pytest.mark.usefixtures("_forms")
def test_airflow_3_1_gets_the_same_fields_from_the_hook() -> None:
    widgets = ArtificerHook.get_connection_form_widgets()
    assert list(widgets) == list(FIELDS)
    for name, widget in widgets.items():
        said, param = FIELDS[name], widget.param.dump()
        schema = said["schema"]
        assert (param["schema"]["title"], param["description"]) == (said["label"], said["description"])
        assert param["value"] == schema.get("default")
        assert param["schema"].get("enum") == schema.get("enum")
        wanted = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
        kinds = {"number": "integer"}  # a form of 3.1 has whole numbers only
        assert param["schema"]["type"][0] == kinds.get(wanted, wanted)


def test_a_hook_without_what_draws_forms_has_no_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in STANDINS:
        monkeypatch.setitem(sys.modules, name, None)
    assert ArtificerHook.get_connection_form_widgets() == {}


def test_the_behaviour_of_the_hook_is_that_of_the_metadata() -> None:
    assert ArtificerHook.get_ui_field_behaviour() == {
        "hidden_fields": BEHAVIOUR["hidden-fields"],
        "relabeling": BEHAVIOUR["relabeling"],
        "placeholders": BEHAVIOUR["placeholders"],
    }


def test_airflow_reads_the_metadata_and_warns_of_nothing() -> None:
    manager = ProvidersManager()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = manager.hooks["artificer"]
    assert not [one for one in warned if "Artificer" in str(one.message)]
    assert found is not None
    assert found.connection_testable
    [shown] = [one for one in HookMetaService.hook_meta_data() if one.connection_type == "artificer"]
    assert shown.extra_fields is not None
    assert list(shown.extra_fields) == list(FIELDS)
    standard: Any = shown.standard_fields
    assert standard.host.title == "Base URL"
    assert standard.password.title == "API key"
    assert [name for name in ("host", "login", "port", "url_schema") if getattr(standard, name).hidden] == [
        "login",
        "url_schema",
    ]
