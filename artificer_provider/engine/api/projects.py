"""Projects, and the conversations in them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from artificer_provider.client.models.conversations import ConversationSummary
from artificer_provider.client.models.projects import (
    AssociateConversation,
    CreateProject,
    Project,
    UpdateProject,
)
from artificer_provider.engine import library, projects
from artificer_provider.engine.api.paging import Page, gives_page, page_reply
from artificer_provider.engine.api.replies import (
    BODY_REFUSALS,
    QUERY_REFUSALS,
    asked_of,
    gives,
    json_reply,
    refuses,
    takes,
)
from artificer_provider.engine.callers import By  # noqa: TC001 - FastAPI looks the name up when it makes the route

if TYPE_CHECKING:
    from artificer_provider.engine.store import Store

NO_SUCH_PROJECT: Final = {404: "There is no such project, or it is another owner's."}


def projects_api(store: Store) -> APIRouter:
    """Put the paths over a store."""
    api = APIRouter(prefix="/api/projects", tags=["projects"])
    _add_projects(api, store)
    _add_project(api, store)
    _add_conversations(api, store)
    return api


def _add_projects(api: APIRouter, store: Store) -> None:
    @api.post(
        "",
        summary="Make a project",
        responses={**gives(Project, "The project."), **refuses(BODY_REFUSALS)},
        openapi_extra=takes(CreateProject, {"name": "Bridges", "description": "What the council decided."}),
    )
    async def create_project(request: Request, caller: By) -> Response:
        asked = await asked_of(request, CreateProject)
        return json_reply(await store.write(partial(projects.create, owner=caller.owner, asked=asked)))

    @api.get(
        "",
        summary="List projects",
        responses={
            **gives_page(list[Project], "A page of the projects, newest first, and what each holds."),
            **refuses(QUERY_REFUSALS),
        },
    )
    async def list_projects(page: Annotated[Page, Query()], caller: By) -> Response:
        look = partial(projects.page, owner=caller.owner, limit=page.limit, offset=page.offset)
        return page_reply(*await store.read(look))


def _add_project(api: APIRouter, store: Store) -> None:
    @api.get(
        "/{project_id}",
        summary="Look a project up",
        responses={
            **gives(Project, "The project, with its 100 newest conversations and documents."),
            **refuses(NO_SUCH_PROJECT),
        },
    )
    async def get_project(project_id: str, caller: By) -> Response:
        look = partial(library.whole_project, owner=caller.owner, project_id=project_id)
        return json_reply(await store.read(look))

    @api.patch(
        "/{project_id}",
        summary="Change a project",
        responses={
            **gives(Project, "The project as it is now."),
            **refuses(BODY_REFUSALS, NO_SUCH_PROJECT),
        },
        openapi_extra=takes(UpdateProject),
    )
    async def update_project(request: Request, project_id: str, caller: By) -> Response:
        asked = await asked_of(request, UpdateProject)
        change = partial(projects.update, owner=caller.owner, project_id=project_id, asked=asked)
        return json_reply(await store.write(change))

    @api.delete(
        "/{project_id}",
        status_code=204,
        summary="Delete a project and its documents",
        description="Its conversations stay, without a project.",
        responses={204: {"description": "It is gone."}, **refuses(NO_SUCH_PROJECT)},
    )
    async def delete_project(project_id: str, caller: By) -> Response:
        await store.write(partial(projects.delete, owner=caller.owner, project_id=project_id))
        return Response(status_code=204)


def _add_conversations(api: APIRouter, store: Store) -> None:
    @api.post(
        "/{project_id}/conversations",
        summary="Put a conversation into a project",
        responses={
            **gives(ConversationSummary, "The conversation."),
            **refuses(BODY_REFUSALS, {404: "There is no such project, or no such conversation."}),
        },
        openapi_extra=takes(AssociateConversation),
    )
    async def associate_conversation(request: Request, project_id: str, caller: By) -> Response:
        asked = await asked_of(request, AssociateConversation)
        change = partial(
            projects.associate,
            owner=caller.owner,
            project_id=project_id,
            conversation_id=asked.conversation_id,
        )
        return json_reply(await store.write(change))

    @api.get(
        "/{project_id}/conversations",
        summary="List a project's conversations",
        responses={
            **gives_page(list[ConversationSummary], "A page of them, the latest used first."),
            **refuses(QUERY_REFUSALS, NO_SUCH_PROJECT),
        },
    )
    async def list_project_conversations(
        project_id: str, page: Annotated[Page, Query()], caller: By
    ) -> Response:
        look = partial(
            projects.conversations,
            owner=caller.owner,
            project_id=project_id,
            limit=page.limit,
            offset=page.offset,
        )
        return page_reply(*await store.read(look))
