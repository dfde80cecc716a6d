"""What everybody has to be able to see and reach: in both modes, in a narrow window, without a mouse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.pages_of_airflow import Visit

pytestmark = [pytest.mark.ui, pytest.mark.timeout(900)]

EVIL = '<img src=x onerror="globalThis.fooled = true">'


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_no_serious_fault(
    visit: Callable[..., Visit], refused_run: tuple[str, str], theme: str, width: int
) -> None:
    user = visit(theme=theme, width=width)
    user.open_jobs("?connection=slow_engine")
    expect(user.job("Letters nobody may answer")).to_be_visible()
    expect(user.ours).to_have_attribute("data-theme", theme)
    assert user.faults() == []
    if width == 1280:
        user.picture(f"jobs-{theme}", height=500)

    user.job("Letters nobody may answer").get_by_role("link").first.click()
    expect(user.ours.get_by_role("table", name="Rows")).to_contain_text("Failed")
    assert user.faults() == []


def test_the_list_is_walked_by_keyboard_and_back_leads_back(
    visit: Callable[..., Visit], refused_run: tuple[str, str]
) -> None:
    user = visit()
    user.open_jobs("?connection=slow_engine")
    user.ours.get_by_role("button", name="All", exact=True).focus()
    for _ in range(4):
        user.page.keyboard.press("Tab")
    assert user.focused() == "Completed"
    user.page.keyboard.press("Enter")
    expect(user.page).to_have_url(re.compile("status=COMPLETED"))
    expect(user.ours.locator("[aria-busy=true]")).to_have_count(0)
    expect(user.job("Letters nobody may answer")).to_contain_text("Completed, with failures")
    user.job("Letters nobody may answer").get_by_role("link").first.focus()
    user.page.keyboard.press("Enter")
    expect(user.ours.get_by_role("heading", name="Letters nobody may answer")).to_be_focused()

    user.page.go_back()
    expect(user.ours.get_by_role("button", name="Completed")).to_have_attribute("aria-pressed", "true")
    user.page.go_back()
    expect(user.ours.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "true")


def test_texts_from_afar_stay_texts(visit: Callable[..., Visit], evil_job: str) -> None:
    user = visit()
    user.open_jobs(f"?connection=quick_engine&job={evil_job}")
    expect(user.ours.get_by_role("heading", name=EVIL)).to_be_visible()
    expect(user.ours.get_by_role("table", name="Rows")).to_contain_text(EVIL)
    user.ours.get_by_role("button", name="Item 0 in full").click()
    expect(user.ours.locator("dl.texts")).to_contain_text(EVIL)
    assert user.page.evaluate("globalThis.fooled") is None
    assert user.ours.locator("img").count() == 0
