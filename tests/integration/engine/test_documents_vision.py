"""Images that a model looks at: it is sent what is one, with what to say about it, and is quoted as it is."""

from __future__ import annotations

import subprocess
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from support import pages
from support.documents import DIALECTS, REST, Reader, encoded
from support.engine import ENGINE, clean_environment, running_engine

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer

IMAGE = pages.saved(Image.new("RGB", (40, 30), "red"))


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_model_that_sees_is_asked_and_quoted(
    seeing_engine: Engine, model_server: ModelServer, dialect: str
) -> None:
    found = Reader(seeing_engine.http, dialect).analyze(IMAGE, prompt="What colour is it?")
    assert found["description"] == ">What colour is it?"
    details = found["details"]
    assert (details["model"], details["tokensUsed"]) == (model_server.model, 10)
    assert details["cost"] == pytest.approx((7 * 1.0 + 3 * 2.0) / 1e6)
    [call] = model_server.calls
    assert call["model"] == "seeing"
    [text, shown] = call["messages"][0]["content"]
    assert text == {"type": "text", "text": "What colour is it?"}
    head, _, image = shown["image_url"]["url"].partition(",")
    assert (shown["type"], head) == ("image_url", "data:image/png;base64")
    assert b64decode(image) == IMAGE


def test_without_a_question_an_image_is_described(
    seeing_engine: Engine, model_server: ModelServer, dialect: str
) -> None:
    assert (
        Reader(seeing_engine.http, dialect).analyze(IMAGE)["description"].startswith(">Describe this image")
    )
    assert len(model_server.calls) == 1


def test_the_environment_can_name_the_model_that_sees(tmp_path: Path, model_server: ModelServer) -> None:
    environment = {"ARTIFICER_ENGINE_LLM_URL": model_server.url, "ARTIFICER_ENGINE_VISION_MODEL": "eye"}
    with running_engine(tmp_path / "data", environment) as engine:
        found = Reader(engine.http, REST).analyze(IMAGE)
    assert model_server.calls[0]["model"] == "eye"
    assert "cost" not in found["details"]  # its price is not known


def test_a_model_that_sees_and_no_server_is_refused_at_the_start(tmp_path: Path) -> None:
    environment = clean_environment({"ARTIFICER_ENGINE_VISION_MODEL": "eye"})
    command = [*ENGINE, "--port", "0", "--data", str(tmp_path / "data")]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 2
    assert "ARTIFICER_ENGINE_LLM_URL" in found.stderr


@pytest.mark.parametrize(
    ("image", "hint"), [(b"no image", "no image"), (IMAGE[:40], "broken"), (b"", "empty")]
)
def test_what_is_no_image_is_never_sent(
    seeing_engine: Engine, model_server: ModelServer, dialect: str, image: bytes, hint: str
) -> None:
    body: dict[str, Any] = {"imageData": encoded(image), "contentType": "image/png"}
    refusal = Reader(seeing_engine.http, dialect).refusal("analyze", body)
    assert refusal.status == (422 if dialect == REST else 400)
    assert hint in refusal.message
    assert model_server.calls == []


def test_a_model_that_fails_is_told_and_nothing_is_made_up(
    seeing_engine: Engine, model_server: ModelServer, dialect: str
) -> None:
    model_server.failures["What?"] = [400]
    body: dict[str, Any] = {"imageData": encoded(IMAGE), "contentType": "image/png", "prompt": "What?"}
    refusal = Reader(seeing_engine.http, dialect).refusal("analyze", body)
    assert refusal.status == 502
    assert "answered 400" in refusal.message


def test_without_a_model_that_sees_there_is_no_description(llm_engine: Engine, dialect: str) -> None:
    body: dict[str, Any] = {"imageData": encoded(IMAGE), "contentType": "image/png"}
    refusal = Reader(llm_engine.http, dialect).refusal("analyze", body)
    assert refusal.status == 503
    assert "vision = true" in refusal.message
