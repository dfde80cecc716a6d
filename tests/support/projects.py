"""Projects and documents, as a caller over REST makes them."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from support.waiting import wait_until

if TYPE_CHECKING:
    import httpx

    from support.engine import Engine


class Projects:
    """A client for the projects of one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def http(self) -> httpx.Client:
        return self.engine.http

    def make(self, name: str = "P", **more: object) -> str:
        reply = self.http.post("/api/projects", json={"name": name, **more})
        assert reply.status_code == 200, reply.text
        project_id: str = reply.json()["id"]
        return project_id

    def send(
        self, project_id: str, content: str | bytes, filename: str = "a.txt", content_type: str = "text/plain"
    ) -> httpx.Response:
        data = content.encode() if isinstance(content, str) else content
        body = {"filename": filename, "contentType": content_type, "content": b64encode(data).decode()}
        return self.http.post(f"/api/projects/{project_id}/documents", json=body)

    def add(self, project_id: str, content: str | bytes, filename: str = "a.txt", **more: str) -> str:
        """Add a document, and wait for nothing."""
        reply = self.send(project_id, content, filename, **more)
        assert reply.status_code == 200, reply.text
        document_id: str = reply.json()["id"]
        return document_id

    def stats(self, project_id: str) -> dict[str, Any]:
        found: dict[str, Any] = (
            self.http.get("/api/search/stats", params={"projectId": project_id}).raise_for_status().json()
        )
        return found

    def wait_until_indexed(self, project_id: str, seconds: float = 60.0) -> None:
        wait_until(lambda: self.stats(project_id)["unindexedDocuments"] == 0, "all is indexed", seconds)

    def search(self, project_id: str, query: str, **more: object) -> list[dict[str, Any]]:
        body = {"projectId": project_id, "query": query, **more}
        reply = self.http.post("/api/search/documents", json=body)
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.json()["results"]
        return found
