"""Images in a DAG against the embedded engine: their text, what a model sees in them, and what is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from PIL import Image
from support import pages
from support.connection import connect
from support.reading import Reading, landed
from support.run_batch import operator as batch

if TYPE_CHECKING:
    from pathlib import Path

    from support.engine import Engine
    from support.model_server import ModelServer

DIALECTS = ("rest", "trpc")
RED = Image.new("RGB", (40, 30), "red")
COST = (7 * 1.0 + 3 * 2.0) / 1e6


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def page(text: str) -> bytes:
    [picture] = pages.pictures(pages.printed([text]))
    return pages.saved(picture)


def test_the_text_of_images_is_landed(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, dialect: str
) -> None:
    connect(monkeypatch, engine.url, dialect)
    run = Reading(tmp_path, f"text {dialect}", "extract")
    run.put(a_png=page("Foxes jump over lazy dogs."), b_png=pages.saved(RED))
    run.execute(max_failed=1)
    found = run.by_name["a.png"]
    assert list(found) == [
        *("index", "file", "status", "text", "confidence", "model", "tokens", "error", "cost")
    ]
    assert "Foxes jump over lazy dogs" in found["text"]
    assert found["confidence"] > 0.8
    assert run.statuses == {"a.png": "succeeded", "b.png": "failed"}
    assert run.by_name["b.png"]["error"] == "no text was recognised in it"


def test_what_is_no_image_is_refused_by_name_before_it_is_sent(
    tmp_path: Path,
    seeing_engine: Engine,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    dialect: str,
) -> None:
    connect(monkeypatch, seeing_engine.url, dialect)
    run = Reading(tmp_path, f"kinds {dialect}", "analyze")
    run.put(a_png=pages.saved(RED), b_svg=b"<svg/>", c_tiff=pages.saved(RED, "TIFF"))
    with pytest.raises(AirflowFailException, match=r"b\.svg: this is no image that an engine takes"):
        run.execute()
    takes_tiff = dialect == "rest"
    assert run.statuses == {
        "a.png": "succeeded",
        "b.svg": "failed",
        "c.tiff": "succeeded" if takes_tiff else "failed",
    }
    assert len(model_server.calls) == 1 + takes_tiff
    if not takes_tiff:
        assert (
            "this is image/tiff, which an engine that speaks trpc does not take"
            in (run.by_name["c.tiff"]["error"])
        )


def test_a_model_is_asked_about_each_image_once_and_what_it_says_can_be_a_batch(
    tmp_path: Path,
    seeing_engine: Engine,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    dialect: str,
) -> None:
    connect(monkeypatch, seeing_engine.url, dialect)
    run = Reading(tmp_path, "seen", "analyze")
    run.put(a_png=pages.saved(RED), b_png=pages.saved(RED))
    model_server.replies["What colour?"] = ["It is red.", "It is red, too."]
    told = run.execute(prompt="What colour?", concurrency=1, max_cost=1.0)
    assert [row["description"] for row in run.rows] == ["It is red.", "It is red, too."]
    assert told["cost"] == pytest.approx(2 * COST)
    assert (told["tokens"], told["models"]) == (20, [model_server.model])
    run.execute(prompt="What colour?", concurrency=1)  # cleared
    assert len(model_server.calls) == 2
    run_batch = batch(
        tmp_path / "batch", items=told["path"], input_column="description", phases=[{"name": "p"}]
    )
    run_batch.execute(run.context)
    assert [row["output"] for row in landed(tmp_path / "batch" / "rows")] == [
        ">It is red.",
        ">It is red, too.",
    ]


def test_an_image_at_which_the_model_fails_is_asked_about_again_when_the_task_says_so(
    tmp_path: Path, seeing_engine: Engine, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, seeing_engine.url, "rest")
    run = Reading(tmp_path, "fails", "analyze")
    run.put(a_png=pages.saved(RED))
    model_server.failures["What?"] = [400, 400]
    with pytest.raises(AirflowFailException, match=r"a\.png: .*answered 400"):
        run.execute(prompt="What?")
    run.execute(prompt="What?", retry_failed=1)
    assert run.statuses == {"a.png": "succeeded"}
    assert len(model_server.calls) == 3


def test_an_engine_without_a_model_that_sees_says_so(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, engine.url, "rest")
    run = Reading(tmp_path, "blind", "analyze")
    run.put(a_png=pages.saved(RED))
    with pytest.raises(AirflowFailException, match=r"a\.png: .*(vision|sees)"):
        run.execute()
