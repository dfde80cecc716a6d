"""A message to a conversation, whose answer is told in the task's log while it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from artificer_provider.operators._base import ArtificerOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from artificer_provider.batch.plan import Json
    from artificer_provider.client import Artificer
    from artificer_provider.operators._chatting import Turn


class ArtificerChatOperator(ArtificerOperator):
    """
    Put a message to a conversation; its answer streams into the log, and goes to XCom.

    The message is put once: a retry of a try that died takes the answer that the engine has kept, or waits
    for it, and asks again only where the engine kept none, or an apology.

    :param message: 1 to 10,000 characters.
    :param conversation_id: the conversation to go on with; a new one unless given.
    :param model: who answers in a new conversation; the engine's default unless given.
    :param system_prompt: what the model of a new conversation is told before all.
    :param project_id: the project whose documents are looked up for the answers of a new conversation; the
        connection's unless given.
    :param artificer_conn_id: the connection to the engine.
    """

    template_fields: Sequence[str] = (
        *ArtificerOperator.template_fields,
        "message",
        "conversation_id",
        "model",
        "system_prompt",
        "project_id",
    )
    kept = "What the engine has of the conversation is kept; a retry takes up its answer."

    def __init__(
        self,
        *,
        message: str,
        conversation_id: str | None = None,
        model: str | None = None,
        system_prompt: str | None = None,
        project_id: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's
    ) -> None:
        super().__init__(**kwargs)
        self.message = message
        self.conversation_id = conversation_id
        self.model = model
        self.system_prompt = system_prompt
        self.project_id = project_id
        from artificer_provider.operators._arguments import check_chat

        check_chat(message, conversation_id, model, system_prompt, project_id)

    def execute(self, context: Context) -> dict[str, Json]:
        """Ask; return the answer, what it cost, and where it stands."""
        from artificer_provider.operators._chatting import Turn
        from artificer_provider.operators._store import run_store

        with self.told_to_airflow(), self.hook.get_conn() as client:
            turn = Turn(client, run_store(context), self.message, self.log)
            return turn.answer(self.conversation_id or turn.begun() or self._new(client, turn))

    def _new(self, client: Artificer, turn: Turn) -> str:
        conversation = client.conversations.create(
            model=self.model, system_prompt=self.system_prompt, project_id=self.project_or(self.project_id)
        )
        turn.begin(conversation.id)
        return conversation.id
