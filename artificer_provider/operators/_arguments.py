"""What is checked of a task's arguments when the DAG is parsed, without a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from artificer_provider.batch.plan import checked_item, read_options, read_phases, refuse_one_value
from artificer_provider.batch.prompt import Prompt
from artificer_provider.client import limits
from artificer_provider.client.errors import ConfigurationError
from artificer_provider.operators._formats import read_format

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Characters of a path at most, on any storage.
_LONGEST_PATH = 4_096


def check_work(
    items: object, phases: Sequence[object], options: Mapping[str, object] | None, prompt: object
) -> None:
    """
    Check what is known before the task runs: a template, an XCom or a path is read when it does.

    :raises ConfigurationError: naming the argument.
    """
    read_options(options)
    if isinstance(phases, list | tuple):
        read_phases(phases)
    # One with a template in it, and another task's output, is read when the task runs.
    template = Prompt.read(prompt) if isinstance(prompt, str) and "{{" not in prompt else None
    if isinstance(items, list | tuple):
        _check_listed(items, template)
    elif isinstance(items, str):
        check_path(items)


def check_output(output: object, output_format: str) -> None:
    """
    Check where the rows go, as far as that is known: another task's output is read when the task runs.

    :raises ConfigurationError: naming the argument.
    """
    if isinstance(output, str) and not output.strip():
        raise ConfigurationError("output is empty: name the folder for the rows.")
    read_format(output_format)


def check_bounds(most: int, name: str) -> None:
    """
    Check how a run is cut into jobs, or into files.

    :param most: items of one at most.
    :param name: of the argument that says so.
    :raises ConfigurationError: naming it.
    """
    if not 1 <= most <= limits.MAX_ITEMS:
        raise ConfigurationError(f"{name} is {most}: write 1 to {limits.MAX_ITEMS:,}.")


def check_path(items: str) -> None:
    """
    Refuse a text where the path of a file is meant.

    :raises ConfigurationError: then.
    """
    if not items.strip():
        raise ConfigurationError("items is empty: name a file or a folder, or give a list of texts.")
    if "\n" in items.strip() or len(items) > _LONGEST_PATH:
        raise ConfigurationError(
            f"items is one text of {len(items):,} characters, not the path of a file: put it in brackets."
        )


def check_files(files: object) -> None:
    """
    Check which documents are named, where that is known: a template, an XCom or a pattern is read later.

    :raises ConfigurationError: when it is no path, nor a list of them.
    """
    if isinstance(files, str):
        files = [files]
    if not isinstance(files, list | tuple):
        return
    listed = cast("Sequence[object]", files)
    if not listed:
        raise ConfigurationError("files is an empty list: name a file, a folder or a pattern.")
    for number, file in enumerate(listed):
        if not isinstance(file, str):
            raise ConfigurationError(f"files[{number}] is {type(file).__name__}: it must be a path or a URL.")
        if not file.strip():
            raise ConfigurationError("files is empty: name a file, a folder or a pattern.")


def check_pdf(
    local: str,
    min_text_threshold: float | None,
    dpi: int | None,
    max_pages: int | None,
    *,
    force_ocr: bool = False,
) -> None:
    """
    Check how PDFs are read.

    :raises ConfigurationError: naming the argument.
    """
    from artificer_provider.operators._readings import read_local

    if read_local(local) == "always" and force_ocr:
        raise ConfigurationError("OCR is the engine's: local='always' and force_ocr exclude each other.")
    if min_text_threshold is not None and min_text_threshold < 0:
        raise ConfigurationError(f"min_text_threshold is {min_text_threshold}: it must be 0 or more.")
    if dpi is not None and not limits.MIN_DPI <= dpi <= limits.MAX_DPI:
        raise ConfigurationError(f"dpi is {dpi}: write {limits.MIN_DPI} to {limits.MAX_DPI}.")
    if max_pages is not None and not 1 <= max_pages <= limits.MAX_PDF_PAGES:
        raise ConfigurationError(f"max_pages is {max_pages}: write 1 to {limits.MAX_PDF_PAGES:,}.")


def _check_listed(items: Sequence[object], template: Prompt | None) -> None:
    from artificer_provider.batch.sources import Listed

    refuse_one_value(items, "items")
    for index, read in enumerate(Listed(items, template).read()):
        checked_item(read.item, f"items[{index}]")
    if not items:
        raise ConfigurationError("There are no items: a batch job needs at least one.")


def check_search(limit: int, min_score: float | None) -> None:
    """
    Check what is asked of a search.

    :raises ConfigurationError: naming the argument.
    """
    if not 1 <= limit <= limits.MAX_SEARCH_RESULTS:
        raise ConfigurationError(f"limit is {limit}: write 1 to {limits.MAX_SEARCH_RESULTS}.")
    if min_score is not None and not 0 <= min_score <= 1:
        raise ConfigurationError(f"min_score is {min_score}: write 0 to 1.")


def check_chat(message: object, conversation_id: object, *of_new: object) -> None:
    """
    Check what is put to a conversation, as far as that is known: another task's output is read later.

    :param of_new: what only a new conversation can be given.
    :raises ConfigurationError: naming the argument.
    """
    if isinstance(message, str):
        _check_message(message)
    if conversation_id is not None and any(of_new):
        raise ConfigurationError(
            "model, system_prompt and project_id are for a new conversation: leave out conversation_id."
        )


def _check_message(message: str) -> None:
    if not message.strip():
        raise ConfigurationError("message is empty.")
    if len(message) > limits.MAX_MESSAGE_CHARS:
        raise ConfigurationError(
            f"message has {len(message):,} characters; an engine takes {limits.MAX_MESSAGE_CHARS:,}."
        )
