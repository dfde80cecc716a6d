"""Names of the seed plan that are others here: whoever uses one is told which."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from artificer_provider.client import Artificer, AsyncArtificer

if TYPE_CHECKING:
    from support.scripted_server import ScriptedServer


@pytest.mark.parametrize(
    ("noun", "name", "instead"),
    [
        ("batch", "create_async", "`await client.batch.create(…)`"),
        ("batch", "wait_async", "`await client.batch.wait(…)`"),
        ("batch", "iter_results_async", "`async for … in client.batch.iter_results(…)`"),
        ("images", "process_pdf_async", "`await client.images.process_pdf(…)`"),
        ("export", "all_async", "`await client.export.all(…)`"),
    ],
)
@pytest.mark.parametrize("kind", [Artificer, AsyncArtificer])
def test_a_verb_with_async_in_its_name_names_the_client_and_the_verb(
    kind: type[Artificer | AsyncArtificer], noun: str, name: str, instead: str
) -> None:
    found = getattr(kind(), noun)
    words = f"There is no {name}: make an AsyncArtificer the client, and write {instead}."
    with pytest.raises(AttributeError, match=re.escape(words)) as caught:
        getattr(found, name)
    assert (caught.value.name, caught.value.obj) == (name, found)
    assert not hasattr(found, name)


@pytest.mark.parametrize("name", ["make", "make_async", "_async", "client_async", "__wrapped__"])
def test_another_name_is_none_as_usual(name: str) -> None:
    batch = Artificer().batch
    with pytest.raises(AttributeError, match=f"'Batch' object has no attribute '{name}'"):
        getattr(batch, name)


async def test_a_client_that_does_not_wait_is_no_async_context() -> None:
    with pytest.raises(TypeError, match=r"write `async with AsyncArtificer\(…\)`, or `with Artificer\(…\)`"):
        async with Artificer():  # type: ignore[attr-defined]  # what the seed plan writes
            raise AssertionError("entered")


def test_a_client_that_is_awaited_is_no_plain_context() -> None:
    words = r"write `async with AsyncArtificer\(…\)`, or `with Artificer\(…\)`"
    with pytest.raises(TypeError, match=words), AsyncArtificer():  # type: ignore[attr-defined]  # a mistake
        raise AssertionError("entered")


def test_what_the_seed_plan_writes_for_both_services_is_understood(server: ScriptedServer) -> None:
    with Artificer(api_key="k", typescript_api_url=server.url, python_worker_url=server.url) as client:
        assert client.worker is not None
        assert client.worker.url == server.url
