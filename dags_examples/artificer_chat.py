"""
Ask a model two things in one conversation, and write the conversation down as Markdown.

**Shows** ``ArtificerChatOperator``, whose answers stream into the logs of the tasks, how a later task goes on
with the conversation, and the export.

**Costs** two answers of the model.

**Needs** the connection ``artificer_default`` to an engine with a language model; ``ARTIFICER_CHAT_MODEL``
names it, the engine's own unless given. The conversation lands in the folder that ``ARTIFICER_CHAT_OUTPUT``
names, which may hold templates; a folder of the system's temporary one otherwise.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag

from artificer_provider.operators.chat import ArtificerChatOperator
from artificer_provider.operators.export import ArtificerExportConversationsOperator

OUTPUT = os.environ.get("ARTIFICER_CHAT_OUTPUT") or str(
    Path(tempfile.gettempdir()) / "artificer-chat" / "{{ run_id }}"
)
MODEL = os.environ.get("ARTIFICER_CHAT_MODEL")
#: The conversation that the first task began.
CONVERSATION = "{{ ti.xcom_pull(task_ids='ask')['conversation_id'] }}"


@dag(
    schedule=None,
    tags=["artificer", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
)
def artificer_chat() -> None:
    """Ask, ask on, and write it down."""
    ask = ArtificerChatOperator(
        task_id="ask",
        message="Why do bridges have expansion joints?",
        model=MODEL,
        system_prompt="You are a civil engineer. Answer in two sentences.",
    )
    ask_on = ArtificerChatOperator(
        task_id="ask_on", message="And what happens without them?", conversation_id=CONVERSATION
    )
    export = ArtificerExportConversationsOperator(
        task_id="export", conversation_id=CONVERSATION, format="markdown", output=OUTPUT
    )
    ask >> ask_on >> export


artificer_chat()
