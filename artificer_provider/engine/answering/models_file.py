"""The models file: which OpenAI-compatible servers there are, their models, and what those charge."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from artificer_provider.engine.answering.base import Price
from artificer_provider.engine.answering.openai import LlmServer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
_PerMillion = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ModelsError(Exception):
    """What is said about the models does not go together, with one sentence that names the field."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Model(_Table):
    name: _Text
    input_price: _PerMillion | None = None
    output_price: _PerMillion | None = None
    default: bool = False
    vision: bool = False

    @model_validator(mode="after")
    def _both_prices_or_none(self) -> Self:
        if (self.input_price is None) is not (self.output_price is None):
            raise ValueError("has one price of two: give input_price and output_price, or neither")
        return self

    @property
    def price(self) -> Price | None:
        if self.input_price is None or self.output_price is None:
            return None
        return Price(self.input_price, self.output_price)


class _Server(_Table):
    url: _Text
    key_env: _Text | None = None
    model: Annotated[list[_Model], Field(min_length=1)]


class _File(_Table):
    server: Annotated[list[_Server], Field(min_length=1)]


def read_models(path: Path, environment: Mapping[str, str]) -> list[LlmServer]:
    """
    Read a models file.

    :param environment: where the variables are that hold the servers' keys.
    :raises ModelsError: when it cannot be read, or something in it is wrong.
    """
    try:
        content = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ModelsError(f"The models file {path} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        raise ModelsError(f"{path}: {_place(first['loc'])}: {message}.") from error
    except ValueError as error:  # no TOML, or not UTF-8
        raise ModelsError(f"The models file {path} is no TOML: {error}.") from error
    return [_server(one, f"{path}: server[{place}]", environment) for place, one in enumerate(content.server)]


def check_together(servers: Sequence[LlmServer], ours: Sequence[str]) -> None:
    """
    Make sure that a name means one model, and that at most one is the default.

    :param ours: the names of the engine's own models.
    :raises ModelsError: naming what is there twice.
    """
    seen = set(ours)
    for server in servers:
        for name in {*server.prices, *([server.default] if server.default else [])}:
            if name in seen:
                raise ModelsError(
                    f"The model {name!r} is there twice: a phase names one model, on one server."
                )
            seen.add(name)
    defaults = [server.default for server in servers if server.default]
    if len(defaults) > 1:
        raise ModelsError(
            f"The models {' and '.join(map(repr, defaults))} are both the default: "
            "one answers where a phase names none."
        )


def address_problem(url: str) -> str | None:
    """Say what keeps an address from being a model server's; None when nothing does."""
    try:
        address = urlsplit(url)
        port_is_wrong = address.port == 0
    except ValueError:
        return "is no http(s) address"
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if address.scheme not in ("http", "https") or not address.hostname or port_is_wrong or not is_plain:
        return "is no http(s) address"
    if address.username is not None:
        # It is named where a call fails, so it must hold no secret.
        return "holds a user"
    return None


def read_key(variable: str, environment: Mapping[str, str]) -> str | None:
    """
    Read a server's key from a variable; None when it is not set.

    :raises ModelsError: when no request could carry it. The key is never shown.
    """
    key = environment.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ModelsError(f"The variable {variable} holds characters that no HTTP header can carry.")
    return key or None


def _server(said: _Server, place: str, environment: Mapping[str, str]) -> LlmServer:
    if problem := address_problem(said.url):
        raise ModelsError(f"{place}.url {problem}; a key belongs in a variable that key_env names.")
    key = read_key(said.key_env, environment) if said.key_env else None
    if said.key_env and not key:
        raise ModelsError(
            f"{place}.key_env: the variable {said.key_env} is not set: put the server's key there."
        )
    prices = {model.name: model.price for model in said.model}
    if len(prices) < len(said.model):
        raise ModelsError(f"{place}.model: a name is there twice; a phase names one model.")
    defaults = [model.name for model in said.model if model.default]
    if len(defaults) > 1:
        raise ModelsError(
            f"{place}.model: {' and '.join(map(repr, defaults))} are both the default; choose one."
        )
    seeing = next((model.name for model in said.model if model.vision), None)
    return LlmServer(said.url, defaults[0] if defaults else None, key, prices, seeing)


def _place(location: tuple[int | str, ...]) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return path.removeprefix(".") or "file"
