"""The connection form of Airflow 3.1, made of the metadata that later ones read by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from artificer_provider.connection_form import BEHAVIOUR, FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping


def widgets() -> dict[str, Any]:
    """Make a form field of each of ours; none where what draws them is not installed, and no form is."""
    try:
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from wtforms import BooleanField, IntegerField, StringField
        from wtforms.validators import Optional, any_of
    except ImportError:
        return {}

    def made(said: Mapping[str, Any]) -> object:
        schema: Mapping[str, Any] = said["schema"]
        about = {"description": said["description"], "default": schema.get("default")}
        if "boolean" in schema["type"]:
            return BooleanField(said["label"], **about)
        kind = IntegerField if {"number", "integer"} & set(schema["type"]) else StringField
        checks = [any_of(schema["enum"])] if "enum" in schema else [Optional()]
        return kind(said["label"], validators=checks, widget=BS3TextFieldWidget(), **about)

    return {name: made(said) for name, said in FIELDS.items()}


def behaviour() -> dict[str, Any]:
    """Write the behaviour of Airflow's fields with the names that a hook gives it by."""
    return {name.replace("-", "_"): value for name, value in BEHAVIOUR.items()}
