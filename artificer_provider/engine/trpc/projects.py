"""The procedures of ``projects``. What fails is told with status 200, as this wire has it (WIRE §5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import BaseModel, StringConstraints

from artificer_provider.client import limits
from artificer_provider.client.models._base import Payload
from artificer_provider.client.models.projects import (
    CreateProject,
    ProposeDocumentUpdate,
    SearchProject,
    UpdateDocument,
    UpdateProject,
)
from artificer_provider.engine import finding, library, projects, proposals, uploads
from artificer_provider.engine.errors import EngineError, Problem, UnknownError, invalid
from artificer_provider.engine.trpc import project_shapes as shapes
from artificer_provider.engine.trpc.envelope import iso
from artificer_provider.engine.trpc.procedures import Kind, Procedure, protected, read_input

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from artificer_provider.engine.trpc.envelope import Value
    from artificer_provider.engine.trpc.procedures import Answer, Call, Rooms

M = TypeVar("M", bound=BaseModel)


class OneProject(Payload):
    """Which project a call is about."""

    id: str


class InProject(Payload):
    """In which project a call looks."""

    project_id: str


class OneDocument(Payload):
    """Which document a call is about."""

    document_id: str


class ChangedProject(Payload):
    """What to change of a project."""

    id: str
    data: UpdateProject


class Association(InProject):
    """Which conversation to put into a project."""

    conversation_id: str


class Upload(InProject):
    """A file to keep; its text here is empty, it lies in a file of its own."""

    filename: Annotated[str, StringConstraints(min_length=1, max_length=limits.MAX_FILENAME_CHARS)]
    content: str
    content_type: str


class Search(InProject, SearchProject):
    """What to look for in which project."""


class Rewrite(OneDocument, UpdateDocument):
    """The text that takes the place of a document's."""


class Proposal(OneDocument, ProposeDocumentUpdate):
    """What a model is to make of which document."""


def procedures(rooms: Rooms) -> dict[str, Procedure]:
    """Make the procedures of ``projects``."""

    def query(act: Callable[[Rooms, Call], Awaitable[Mapping[str, Value]]], **failed: Value) -> Procedure:
        return Procedure(Kind.QUERY, protected(_told(partial(act, rooms), failed)))

    def mutation(act: Callable[[Rooms, Call], Awaitable[Mapping[str, Value]]]) -> Procedure:
        return Procedure(Kind.MUTATION, protected(_told(partial(act, rooms), {})))

    return {
        "projects.create": mutation(_create),
        "projects.list": query(_list, projects=[]),
        "projects.getById": query(_get, project=None),
        "projects.update": mutation(_update),
        "projects.delete": mutation(_delete),
        "projects.associateConversation": mutation(_associate),
        "projects.getConversations": query(_conversations, conversations=[]),
        "projects.uploadDocument": replace(
            mutation(_upload), document=uploads.document_field(rooms.documents)
        ),
        "projects.getDocuments": query(_documents, documents=[]),
        "projects.getDocument": query(_document, document=None),
        "projects.searchDocuments": query(_search, results=[]),
        "projects.updateDocument": mutation(_rewrite),
        "projects.proposeDocumentUpdate": mutation(_propose),
        "projects.deleteDocument": mutation(_delete_document),
        "projects.getDocumentStats": query(_stats, stats=None),
    }


def _told(act: Callable[[Call], Awaitable[Mapping[str, Value]]], failed: Mapping[str, Value]) -> Answer:
    """
    Answer in the shape of this router.

    :param failed: what stands in the place of the value when there is none.
    """

    async def answer(call: Call) -> Value:
        try:
            value = {"success": True, **await act(call)}
        except UnknownError as error:
            value = {"success": False, **failed, "error": f"{error.noun.capitalize()} not found"}
        except EngineError as error:
            value = {"success": False, **failed, "error": error.message}
        return {**value, "timestamp": iso(datetime.now(UTC))}

    return answer


async def _create(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(CreateProject, call)
    project = await rooms.store.write(partial(projects.create, owner=call.caller.owner, asked=asked))
    return {"project": shapes.project(project)}


async def _list(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    look = partial(projects.page, owner=call.caller.owner, limit=projects.ALL, offset=0)
    found, _ = await rooms.store.read(look)
    return {"projects": [shapes.listed_project(one) for one in found]}


async def _get(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(OneProject, call)
    look = partial(library.whole_project, owner=call.caller.owner, project_id=asked.id)
    return {"project": shapes.whole_project(await rooms.store.read(look))}


async def _update(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(ChangedProject, call)
    change = partial(projects.update, owner=call.caller.owner, project_id=asked.id, asked=asked.data)
    return {"project": shapes.project(await rooms.store.write(change))}


async def _delete(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(OneProject, call)
    await rooms.store.write(partial(projects.delete, owner=call.caller.owner, project_id=asked.id))
    return {}


async def _associate(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(Association, call)
    change = partial(
        projects.associate,
        owner=call.caller.owner,
        project_id=asked.project_id,
        conversation_id=asked.conversation_id,
    )
    return {"conversation": shapes.conversation(await rooms.store.write(change))}


async def _conversations(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(InProject, call)
    look = partial(
        projects.conversations_and_last_messages, owner=call.caller.owner, project_id=asked.project_id
    )
    found = await rooms.store.read(look)
    return {"conversations": [shapes.listed_conversation(one, last) for one, last in found]}


async def _upload(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(Upload, call)
    filename = uploads.stripped_filename(asked.filename)
    if not filename:
        raise invalid([Problem("filename", f"nothing is left of {asked.filename!r} but a path.")])
    if call.upload is None:
        raise invalid([Problem("content", "is missing.")])
    look = partial(projects.found, owner=call.caller.owner, project_id=asked.project_id)
    await rooms.store.read(look)
    new = await uploads.read(filename, asked.content_type, call.upload, rooms.documents)
    add = partial(library.add, owner=call.caller.owner, project_id=asked.project_id, new=new)
    number, document = await rooms.store.write(add)
    rooms.indexer.index(number)
    return {"document": shapes.uploaded(document)}


async def _documents(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(InProject, call)
    look = partial(
        library.page, owner=call.caller.owner, project_id=asked.project_id, limit=projects.ALL, offset=0
    )
    found, _ = await rooms.store.read(look)
    return {"documents": [shapes.listed_document(one) for one in found]}


async def _document(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(OneDocument, call)
    look = partial(library.document_and_project, owner=call.caller.owner, document_id=asked.document_id)
    return {"document": shapes.whole_document(*await rooms.store.read(look))}


async def _search(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(Search, call)
    found = await rooms.retrieval.documents(
        call.caller.owner, asked.project_id, asked.query, asked.limit or finding.MATCHES
    )
    results: list[Value] = [shapes.match(document, passage) for document, passage in found]
    return {"results": results, "query": asked.query}


async def _rewrite(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(Rewrite, call)
    change = partial(
        library.rewrite,
        owner=call.caller.owner,
        document_id=asked.document_id,
        content=uploads.kept_text(asked.content),
        reason=asked.reason,
    )
    number, document = await rooms.store.write(change)
    rooms.indexer.index(number)
    return {"document": shapes.rewritten(document)}


async def _propose(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(Proposal, call)
    look = partial(library.whole, owner=call.caller.owner, document_id=asked.document_id)
    document = await rooms.store.read(look)
    proposal = await proposals.propose(asked, document, rooms.answerers, rooms.store, owner=call.caller.owner)
    return {"proposal": shapes.proposal(proposal)}


async def _delete_document(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(OneDocument, call)
    change = partial(library.delete, owner=call.caller.owner, document_id=asked.document_id)
    await rooms.store.write(change)
    return {}


async def _stats(rooms: Rooms, call: Call) -> Mapping[str, Value]:
    asked = read_input(InProject, call)
    look = partial(library.stats, owner=call.caller.owner, project_id=asked.project_id)
    found: Mapping[str, Value] = (await rooms.store.read(look)).model_dump(by_alias=True)
    return {"stats": found}
