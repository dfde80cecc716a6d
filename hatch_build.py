"""What the metadata says of where the sources are: what whoever builds says, and nothing else."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: The address of the repository on a host of GitHub's kind, without a slash at its end.
REPOSITORY = "ARTIFICER_REPOSITORY_URL"
LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|#")


class WhereTheSourcesAre(MetadataHookInterface):
    """Fill in the long description and the links of the project."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Write both into the metadata."""
        repository = os.environ.get(REPOSITORY, "").rstrip("/")
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        said = absolute(text, repository, f"v{metadata['version']}")
        metadata["readme"] = {"content-type": "text/markdown", "text": said}
        metadata["urls"] = urls(repository, f"v{metadata['version']}")


def urls(repository: str, tag: str) -> dict[str, str]:
    """Name the pages of a repository; none where nobody said which it is."""
    if not repository:
        return {}
    return {
        "Source": repository,
        "Documentation": f"{repository}/tree/{tag}/docs",
        "Issues": f"{repository}/issues",
    }


def absolute(text: str, repository: str, tag: str) -> str:
    """
    Make a page that stands alone: its links lead into a repository.

    Where nobody said which it is, links to files become their texts, and pictures are left out.

    :param tag: of the release, so that an old page goes on showing what it spoke of.
    """

    def led(link: re.Match[str]) -> str:
        picture, words, target = link["picture"], link["text"], link["target"]
        if ABSOLUTE.match(target):
            return link[0]
        if repository:
            return f"{picture}[{words}]({repository}/{'raw' if picture else 'blob'}/{tag}/{target})"
        return "" if picture else words

    return LINK.sub(led, text)
