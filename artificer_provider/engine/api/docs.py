"""The page that shows the contract. All it needs is served here: it works without the internet."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

# Its own page is not used, only the files it brings along: Swagger UI of a version that can read OpenAPI 3.1.
import fastapi_offline
from fastapi import APIRouter
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

# The page runs no script but ours and asks nobody but us. Swagger UI draws its icons from data: addresses.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Artificer engine</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="contract"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/show.js"></script>
"""

_SCRIPT: Final = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#contract",
  deepLinking: true,
  validatorUrl: null,
});
"""


def docs_api() -> APIRouter:
    """Put the page and its files."""
    shipped = files(fastapi_offline) / "static"
    contents: Mapping[str, tuple[str, bytes]] = {
        "/docs": ("text/html", _PAGE.encode()),
        "/docs/show.js": ("text/javascript", _SCRIPT.encode()),
        "/docs/swagger-ui.css": ("text/css", (shipped / "swagger-ui.css").read_bytes()),
        "/docs/swagger-ui-bundle.js": ("text/javascript", (shipped / "swagger-ui-bundle.js").read_bytes()),
    }
    api = APIRouter(include_in_schema=False)
    for path, (media_type, content) in contents.items():
        _add(api, path, media_type, content)
    return api


def _add(api: APIRouter, path: str, media_type: str, content: bytes) -> None:
    @api.get(path)
    async def give() -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)
