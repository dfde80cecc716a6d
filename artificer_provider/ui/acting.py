"""What is done to a job from a page."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from artificer_provider.ui.replies import Action

if TYPE_CHECKING:
    from artificer_provider.batch.plan import Json
    from artificer_provider.ui.looking import View

_log = logging.getLogger(__name__)


async def act(view: View, job_id: str, action: Action) -> dict[str, Json]:
    """
    Do it, and describe the job as it stands then.

    :raises ConflictError: where the job's state does not allow it.
    """
    # The log is where it can be found out later who cancelled a job that somebody misses.
    _log.info("%s asks to %s job %s of %s.", view.user.get_name(), action, job_id, view.conn_id)

    match action:
        case Action.PAUSE:
            job = await view.engine.change(lambda client: client.batch.pause(job_id))
        case Action.RESUME:
            job = await view.engine.change(lambda client: client.batch.resume(job_id))
        case Action.CANCEL:
            job = await view.engine.change(lambda client: client.batch.cancel(job_id))
    return await view.job(job)
