"""The nouns of the API, a file each: every endpoint once, for both clients."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Generic, cast

from artificer_provider.client._core import C

if TYPE_CHECKING:
    from artificer_provider.client.resources.auth import Auth
    from artificer_provider.client.resources.batch import Batch
    from artificer_provider.client.resources.chat import Chat
    from artificer_provider.client.resources.conversations import Conversations
    from artificer_provider.client.resources.export import Export
    from artificer_provider.client.resources.images import Images
    from artificer_provider.client.resources.messages import Messages
    from artificer_provider.client.resources.models import Models
    from artificer_provider.client.resources.monitoring import Monitoring
    from artificer_provider.client.resources.orchestration import Orchestration
    from artificer_provider.client.resources.projects import Projects
    from artificer_provider.client.resources.search import Search
    from artificer_provider.client.resources.usage import Usage


class Resources(Generic[C]):
    """The nouns on one client, each imported when it is first used: its models are what takes time."""

    @cached_property
    def batch(self) -> Batch[C]:
        """Batch jobs."""
        from artificer_provider.client.resources.batch import Batch

        return Batch(cast("C", self))

    @cached_property
    def images(self) -> Images[C]:
        """Text out of images and PDFs."""
        from artificer_provider.client.resources.images import Images

        return Images(cast("C", self))

    @cached_property
    def orchestration(self) -> Orchestration[C]:
        """One text, answered at once."""
        from artificer_provider.client.resources.orchestration import Orchestration

        return Orchestration(cast("C", self))

    @cached_property
    def export(self) -> Export[C]:
        """Conversations, as files."""
        from artificer_provider.client.resources.export import Export

        return Export(cast("C", self))

    @cached_property
    def usage(self) -> Usage[C]:
        """What the caller used."""
        from artificer_provider.client.resources.usage import Usage

        return Usage(cast("C", self))

    @cached_property
    def monitoring(self) -> Monitoring[C]:
        """How the models are."""
        from artificer_provider.client.resources.monitoring import Monitoring

        return Monitoring(cast("C", self))

    @cached_property
    def models(self) -> Models[C]:
        """Which models there are."""
        from artificer_provider.client.resources.models import Models

        return Models(cast("C", self))

    @cached_property
    def auth(self) -> Auth[C]:
        """Who the engine takes the caller for."""
        from artificer_provider.client.resources.auth import Auth

        return Auth(cast("C", self))

    @cached_property
    def chat(self) -> Chat[C]:
        """Messages put to a conversation, and their answers."""
        from artificer_provider.client.resources.chat import Chat

        return Chat(cast("C", self))

    @cached_property
    def conversations(self) -> Conversations[C]:
        """Conversations: what a model is told before, and what was said."""
        from artificer_provider.client.resources.conversations import Conversations

        return Conversations(cast("C", self))

    @cached_property
    def messages(self) -> Messages[C]:
        """What was said in conversations."""
        from artificer_provider.client.resources.messages import Messages

        return Messages(cast("C", self))

    @cached_property
    def projects(self) -> Projects[C]:
        """Projects: documents, and conversations about them."""
        from artificer_provider.client.resources.projects import Projects

        return Projects(cast("C", self))

    @cached_property
    def search(self) -> Search[C]:
        """Search for what texts mean, over a project's documents."""
        from artificer_provider.client.resources.search import Search

        return Search(cast("C", self))
