from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from artificer_provider.engine.answering.base import Price
from artificer_provider.engine.answering.models_file import ModelsError, read_models
from artificer_provider.engine.answering.openai import LlmServer
from artificer_provider.engine.answering.registry import Answerers

if TYPE_CHECKING:
    from pathlib import Path

SERVER = '[[server]]\nurl = "http://127.0.0.1:1"\n'
MODEL = '[[server.model]]\nname = "m"\n'


def test_servers_come_with_their_models_prices_and_keys(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(
        SERVER
        + 'key_env = "KEY"\n'
        + MODEL
        + "input_price = 0.15\noutput_price = 1\ndefault = true\n"
        + SERVER.replace(":1", ":2/v1")
        + MODEL.replace('"m"', '"n"')
    )
    first, second = read_models(path, {"KEY": "secret"})
    assert first == LlmServer("http://127.0.0.1:1", "m", "secret", {"m": Price(0.15, 1.0)})
    assert second == LlmServer("http://127.0.0.1:2/v1", None, None, {"n": None})
    assert "secret" not in repr(first)


def test_the_first_model_that_sees_is_the_one_that_looks_at_images(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    seeing = MODEL.replace('"m"', '"eye"') + "vision = true\n"
    other = SERVER.replace(":1", ":2") + MODEL.replace('"m"', '"other"') + "vision = true\n"
    path.write_text(SERVER + MODEL + seeing + MODEL.replace('"m"', '"third"') + "vision = true\n" + other)
    servers = read_models(path, {})
    assert [server.vision for server in servers] == ["eye", "other"]
    seeing_one = Answerers(servers).seeing
    assert seeing_one is not None
    assert seeing_one.model == "eye"
    assert Answerers(servers[:0]).seeing is None


@pytest.mark.parametrize(
    ("content", "hints"),
    [
        ("", ["server"]),
        ("[[server]", ["no TOML"]),
        ("[[server]]\n" + MODEL, ["server[0].url"]),
        (SERVER, ["server[0].model"]),
        (SERVER + MODEL + "price = 1\n", ["server[0].model[0].price"]),
        (SERVER + MODEL + 'input_price = "1"\noutput_price = 1\n', ["server[0].model[0].input_price"]),
        (SERVER + MODEL + "input_price = -1\noutput_price = 1\n", ["server[0].model[0].input_price"]),
        (SERVER + MODEL + "input_price = nan\noutput_price = 1\n", ["server[0].model[0].input_price"]),
        (SERVER + MODEL + "input_price = 1\n", ["server[0].model[0]", "output_price"]),
        (SERVER + MODEL + MODEL, ["server[0].model", "twice"]),
        (
            SERVER + MODEL + "default = true\n" + MODEL.replace('"m"', '"n"') + "default = true\n",
            ["server[0].model", "'m' and 'n'", "default"],
        ),
        ('[[server]]\nurl = "ftp://x"\n' + MODEL, ["server[0].url"]),
        ('[[server]]\nurl = "http://me:pw@x"\n' + MODEL, ["server[0].url", "key_env"]),
        ('[[server]]\nurl = "http://x:99999"\n' + MODEL, ["server[0].url"]),
        (SERVER + 'key_env = "NOT_SET"\n' + MODEL, ["server[0].key_env", "NOT_SET"]),
        (SERVER + 'key_env = "BAD"\n' + MODEL, ["BAD"]),
    ],
)
def test_what_is_wrong_is_named_in_one_sentence(tmp_path: Path, content: str, hints: list[str]) -> None:
    path = tmp_path / "models.toml"
    path.write_text(content)
    with pytest.raises(ModelsError) as raised:
        read_models(path, {"BAD": "sec\nret"})
    sentence = str(raised.value)
    assert all(hint in sentence for hint in hints), sentence
    assert "\n" not in sentence
    assert "sec" not in sentence.replace("second", "")
    assert "pw" not in sentence


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelsError, match=r"none\.toml cannot be read"):
        read_models(tmp_path / "none.toml", {})


@pytest.mark.parametrize(
    ("servers", "any_model", "hint"),
    [
        ([LlmServer("http://a", prices={"m": None}), LlmServer("http://b", prices={"m": None})], None, "'m'"),
        ([LlmServer("http://a", prices={"extractive": None})], None, "'extractive'"),
        ([LlmServer("http://a", prices={"m": None})], LlmServer("http://b", "m"), "'m'"),
        ([LlmServer("http://a", "m", prices={"m": None})], LlmServer("http://b", "n"), "'m' and 'n'"),
    ],
)
def test_a_name_means_one_model_and_one_is_the_default(
    servers: list[LlmServer], any_model: LlmServer | None, hint: str
) -> None:
    with pytest.raises(ModelsError, match=hint):
        Answerers(servers, any_model)
