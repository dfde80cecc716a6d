"""Figures as people read them: the module that the pages use, in the browser that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page
    from support.airflow_of_users import AirflowOfUsers

pytestmark = [pytest.mark.ui, pytest.mark.timeout(900)]

CASES = [
    ("money", [None], None),
    ("money", [0], "$0.00"),
    ("money", [0.000042], "$0.000042"),
    ("money", [0.168], "$0.17"),
    ("money", [1234.5], "$1,234.50"),
    ("count", [None], None),
    ("count", [10000], "10,000"),
    ("percent", [0, 0], None),
    ("percent", [1, 10000], "< 1 %"),
    ("percent", [9999, 10000], "> 99 %"),
    ("percent", [10000, 10000], "100 %"),
    ("duration", [None], None),
    ("duration", [0], "0 s"),
    ("duration", [0.04], "0.1 s"),
    ("duration", [3.21], "3.2 s"),
    ("duration", [59.4], "59 s"),
    ("duration", [3600], "1 h"),
    ("duration", [11525], "3 h 12 min"),
    ("duration", [200000], "2 d 7 h"),
    ("millis", [182.4], "182 ms"),
    ("millis", [2900], "2.9 s"),
    ("rate", [0], "0/s"),
    ("rate", [41.7], "42/s"),
    ("rate", [0.5], "30/min"),
    ("rate", [0.001], "3.6/h"),
    ("age", ["2026-01-01T00:00:00Z", "2026-01-01T00:03:10Z"], "3 min ago"),
    ("age", [None, "2026-01-01T00:03:10Z"], None),
    ("word", ["UPSTREAM_FAILED"], "Upstream failed"),
    ("isOver", ["SOMETHING_NEW"], False),
    ("axisEnd", [601], 1000),
    ("axisEnd", [0.21], 0.25),
    ("axisEnd", [0], 1),
]


@pytest.fixture(scope="module")
def page(browser: Browser, airflow: AirflowOfUsers) -> Iterator[Page]:
    page = browser.new_page(timezone_id="UTC")
    page.goto(f"{airflow.address}/artificer/static/icon.svg")
    yield page
    page.close()


@pytest.mark.parametrize(("function", "arguments", "expected"), CASES)
def test_a_figure_reads_well(
    page: Page, airflow: AirflowOfUsers, function: str, arguments: list[Any], expected: object
) -> None:
    call = "async ([at, name, given]) => (await import(at))[name](...given)"
    module = f"{airflow.address}/artificer/static/format.js"
    assert page.evaluate(call, [module, function, arguments]) == expected
