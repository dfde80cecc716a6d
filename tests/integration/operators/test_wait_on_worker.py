"""The wait of a task that is not deferred: it says what one in the triggerer says."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from support.listing import Listing
from support.scripted_server import Reply

from artificer_provider.batch.watch import Reason, Terms
from artificer_provider.client import Artificer
from artificer_provider.operators._leg import look_on

if TYPE_CHECKING:
    import pytest
    from support.scripted_server import ScriptedServer


def test_a_job_that_stands_still_is_said_once_and_then_ends_the_wait(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.otherwise = jobs = Listing()
    jobs.set("j1", "RUNNING")
    with Artificer(base_url=server.url, dialect="rest") as client:
        run: Any = SimpleNamespace(
            running=lambda: ["j1"],
            terms=lambda: Terms(0.05, max_stalled=0.6),
            client=client,
            log=logging.getLogger(__name__),
        )
        wake = look_on(run)
    assert wake.reason is Reason.STALLED
    told = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == __name__]
    assert [level for level, _ in told] == ["INFO", "WARNING"]
    assert told[0][1] == "Job j1 is RUNNING: 0 of 1 items done."
    assert "Job j1 is RUNNING and has not changed for" in told[1][1]


def test_an_engine_that_is_away_is_told_once_when_it_goes_and_once_when_it_is_back(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    jobs = Listing()
    looks = iter(["RUNNING", "", "", "", "RUNNING", "COMPLETED"])

    def reply(request: Any) -> Any:
        status = next(looks)
        if not status:
            return Reply(500)
        jobs.set("j1", status)
        return jobs(request)

    server.otherwise = reply
    with Artificer(base_url=server.url, dialect="rest", retries=0) as client:
        run: Any = SimpleNamespace(
            running=lambda: ["j1"],
            terms=lambda: Terms(0.01),
            client=client,
            log=logging.getLogger(__name__),
        )
        assert look_on(run).reason is Reason.ENDED
    told = [record.getMessage() for record in caplog.records if record.name == __name__]
    assert told[0] == "Job j1 is RUNNING: 0 of 1 items done."
    assert told[1].endswith("The task goes on waiting; its jobs are left.")
    assert told[2].startswith("The engine answers again, after")
    assert told[3:] == ["Job j1 is COMPLETED: 0 of 1 items done."]
