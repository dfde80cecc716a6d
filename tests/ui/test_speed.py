"""How soon something is to be seen. A machine that does other things too is slower: the bounds are wide."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.pages_of_airflow import Visit

pytestmark = [pytest.mark.ui, pytest.mark.timeout(900)]

MOST_MS = 5_000


@pytest.mark.parametrize(("mark", "query"), [("list", ""), ("job", "&job={}")])
def test_a_page_is_painted_soon(
    visit: Callable[..., Visit], big_job: str, capsys: pytest.CaptureFixture[str], mark: str, query: str
) -> None:
    user = visit()
    path = "?connection=quick_engine" + query.format(big_job)
    user.open_jobs(path)
    user.milliseconds(mark)
    user.open_jobs(path)  # as for everybody but the first: the server has its modules, the browser its files
    painted, begun = user.milliseconds(mark), user.milliseconds("loaded")
    with capsys.disabled():
        sys.stdout.write(
            f"\npainted the {mark}: {painted - begun:.0f} ms after our script, {painted:.0f} ms in all\n"
        )
    assert painted - begun < MOST_MS


def test_ten_thousand_rows_are_shown_a_page_at_a_time(visit: Callable[..., Visit], big_job: str) -> None:
    user = visit()
    user.open_jobs(f"?connection=quick_engine&job={big_job}")
    pages = user.ours.get_by_role("navigation", name="Pages of rows")
    expect(pages).to_contain_text("25 of 10,000")
    pages.get_by_role("link", name="Next").click()
    expect(pages).to_contain_text("50 of 10,000")
    expect(user.ours.get_by_role("button", name="Item 25 in full")).to_be_visible()
    assert "rows_offset=25" in user.page.url
