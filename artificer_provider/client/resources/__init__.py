"""The nouns of the API, a file each: every endpoint once, for both clients."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Generic, cast

from artificer_provider.client._core import C

if TYPE_CHECKING:
    from artificer_provider.client.resources.batch import Batch
    from artificer_provider.client.resources.chat import Chat
    from artificer_provider.client.resources.images import Images
    from artificer_provider.client.resources.orchestration import Orchestration


class Resources(Generic[C]):
    """The nouns on one client, each imported when it is first used: its models are what takes time."""

    @cached_property
    def batch(self) -> Batch[C]:
        """Batch jobs."""
        from artificer_provider.client.resources.batch import Batch

        return Batch(cast("C", self))

    @cached_property
    def chat(self) -> Chat[C]:
        """Messages to conversations, and their answers."""
        from artificer_provider.client.resources.chat import Chat

        return Chat(cast("C", self))

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
