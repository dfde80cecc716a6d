"""Our pages in Airflow's own UI, as a browser shows them to a user."""

from __future__ import annotations

import os
import shutil
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER = (
    "These tests look at the pages in Chromium, and there is none here: apt-get install chromium, "
    "or set ARTIFICER_CHROMIUM to a browser of that kind."
)
IMAGES = Path(__file__).parents[2] / "docs" / "images"
#: Milliseconds, for a browser and an Airflow on two busy cores.
PATIENCE = 60_000.0
expect.set_options(timeout=PATIENCE)


def browser_path() -> str:
    """Find the browser."""
    named = os.environ.get("ARTIFICER_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, NO_BROWSER
    return found


class Site(Protocol):
    """An Airflow that users sign in to."""

    @property
    def address(self) -> str:
        """Where it is, with its base path."""

    def token(self, user: str) -> str:
        """Sign a user in."""


class Visit:
    """
    A user in front of a browser of their own.

    :param theme: ``light`` or ``dark``, as chosen in Airflow.
    """

    def __init__(
        self, browser: Browser, airflow: Site, user: str, *, theme: str = "light", width: int = 1280
    ) -> None:
        self._airflow = airflow
        self._context = browser.new_context(viewport={"width": width, "height": 900}, timezone_id="UTC")
        self._context.set_default_timeout(PATIENCE)
        self._context.add_cookies([{"name": "_token", "value": airflow.token(user), "url": airflow.address}])
        self._context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
        self.page: Page = self._context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    @property
    def ours(self) -> Locator:
        """What is ours of the page."""
        return self.page.locator(".artificer .root")

    def open(self, path: str) -> None:
        """Open a page of Airflow's."""
        self.page.goto(f"{self._airflow.address}/{path}")

    def open_jobs(self, query: str = "") -> None:
        """Open the page that the menu opens."""
        self.open(f"plugin/artificer{query}")
        expect(self.ours.get_by_role("heading", level=1)).to_be_attached()

    def open_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Open our tab of a task."""
        run, task = quote(run_id, safe=""), quote(task_id, safe="")
        self.open(f"dags/{dag_id}/runs/{run}/tasks/{task}/plugin/artificer_job")

    def job(self, name: str) -> Locator:
        """Give the row of a job in the list."""
        return self.ours.get_by_role("row").filter(has=self.page.get_by_role("link", name=name)).first

    def focused(self) -> str:
        """Read what has the focus, inside our pages too."""
        return str(
            self.page.evaluate(
                "() => { let it = document.activeElement; while (it?.shadowRoot?.activeElement)"
                " it = it.shadowRoot.activeElement; return it?.textContent?.trim() ?? '' }"
            )
        )

    def faults(self) -> list[str]:
        """Say what axe finds to be serious in what is ours."""
        found: dict[str, Any] = Axe().run(self.page, context={"include": [[".artificer"]]}).response
        return [
            f"{fault['impact']}: {fault['id']}: {fault['nodes'][0]['target']}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ]

    def milliseconds(self, mark: str) -> float:
        """Wait for a mark that our page leaves, and say when that was since the page was opened."""
        name = f"artificer:{mark}"
        self.page.wait_for_function("name => performance.getEntriesByName(name).length > 0", arg=name)
        return float(self.page.evaluate("name => performance.getEntriesByName(name)[0].startTime", name))

    def picture(self, name: str, height: int = 900) -> None:
        """Take a picture for the docs, if asked to."""
        if not os.environ.get("ARTIFICER_SCREENSHOTS"):
            return
        IMAGES.mkdir(parents=True, exist_ok=True)
        self.page.set_viewport_size({"width": 1280, "height": height})
        self.page.mouse.move(0, 0)
        taken = Image.open(BytesIO(self.page.screenshot(animations="disabled")))
        taken.quantize(256, Image.Quantize.FASTOCTREE).save(IMAGES / f"{name}.png", optimize=True)

    def close(self) -> None:
        """Leave, and take errors of our scripts for what they are."""
        self._context.close()
        assert self.errors == []
