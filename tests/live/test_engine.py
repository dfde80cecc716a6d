"""What a live engine says of itself. Nothing is billed, and nothing made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.live import offered
from support.pdfs import text_pdf

from artificer_provider.client.errors import ArtificerError

if TYPE_CHECKING:
    from artificer_provider.client import Artificer


def test_it_says_how_it_is(client: Artificer) -> None:
    with offered("health"):
        assert client.health().status in {"ok", "healthy"}


def test_it_says_whether_a_pdf_needs_ocr(client: Artificer) -> None:
    with offered("checks of PDFs"):
        checked = client.images.check_pdf_needs_ocr(text_pdf("All the text there is. " * 20))
    assert (checked.pages, checked.needs_ocr) == (1, False)


def test_it_writes_exports_in_the_formats_that_it_names(client: Artificer) -> None:
    with offered("exports"):
        formats = client.export.list_formats()
    assert {"markdown", "json"} <= {one.id for one in formats}
    assert client.export.all("json").format == "json"


def test_it_counts_what_was_used(client: Artificer) -> None:
    with offered("usage"):
        assert client.usage.get_session_stats().conversation_count >= 0
    assert client.usage.get_model_usage().total_messages >= 0


def test_it_knows_its_models_and_how_they_are(client: Artificer) -> None:
    with offered("monitoring"):
        assert client.monitoring.get_models().error is None
    assert client.monitoring.get_health().error is None
    assert client.monitoring.get_capabilities().error is None


def test_a_model_that_it_does_not_have_is_unhealthy(client: Artificer) -> None:
    with offered("monitoring"):
        client.monitoring.get_usage()
    assert not client.monitoring.check_model("nobody/no-such-model").health.is_healthy


def test_it_lists_and_chooses_models(client: Artificer) -> None:
    with offered("models"):
        assert len(client.models.list(limit=1)) <= 1
    impossible = client.models.test_selection({"minInputTokens": 10**12})
    assert impossible.selected is None


def test_it_greets_and_knows_the_key(client: Artificer) -> None:
    with offered("greetings"):
        assert client.auth.public().message
    with offered("keys"):
        client.auth.protected()


@pytest.mark.parametrize("unknown", ["no-such-job", "cmno0such0job0000000000000"])
def test_it_has_no_job_that_nobody_made(client: Artificer, unknown: str) -> None:
    with offered("batch jobs"):
        client.batch.list(limit=1)
    with pytest.raises(ArtificerError, match=unknown):
        client.batch.get(unknown)
