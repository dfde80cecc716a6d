"""Writes docs/openapi.json: the contract, as the embedded engine makes it of its routes and models."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from artificer_provider.engine.answering.registry import Answerers
from artificer_provider.engine.app import make_app
from artificer_provider.engine.chatting import Turns
from artificer_provider.engine.documents.pool import Documents
from artificer_provider.engine.retrieval import Retrieval
from artificer_provider.engine.runner import Runner
from artificer_provider.engine.store import Store

TARGET = Path(__file__).parent.parent / "docs" / "openapi.json"


def make() -> dict[str, Any]:
    """Make the document, with an engine that serves nobody."""
    with TemporaryDirectory() as scratch:
        store, answerers = Store(Path(scratch) / "engine.sqlite3"), Answerers()
        try:
            retrieval = Retrieval(store, answerers.embedder)
            runner = Runner(store, answerers, retrieval)
            documents = Documents(Path(scratch) / "reading")
            turns = Turns(store, answerers, retrieval)
            return make_app(store, answerers, runner, documents, retrieval, turns=turns).openapi()
        finally:
            store.close()


def main() -> None:
    """Write the document."""
    TARGET.write_text(json.dumps(make(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
