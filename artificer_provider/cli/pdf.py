"""``artificer pdf``: the text in PDFs and images."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artificer_provider.cli import _output
from artificer_provider.cli._call import Call, calls_engine
from artificer_provider.cli._errors import CommandError, ExitCode, Failures

if TYPE_CHECKING:
    from artificer_provider.client import Artificer
    from artificer_provider.client.models._base import Reply

TOLD_NAME_CHARS = 40


class Local(StrEnum):
    """Where a PDF is read."""

    AUTO = "auto"
    NEVER = "never"
    ALWAYS = "always"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pdf")(calls_engine(pdf))


def pdf(
    call: Call,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False)],
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether PDFs have to be recognised (OCR).")
    ] = False,
    force_ocr: Annotated[
        bool, typer.Option("--force-ocr", help="Recognise every page, though it may hold text.")
    ] = False,
    local: Annotated[
        Local,
        typer.Option(
            help="auto reads a PDF on this machine where it can, and asks the engine when OCR is needed; "
            "never always asks it; always never does."
        ),
    ] = Local.AUTO,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write NAME.txt for each file into it.", show_default="stdout"),
    ] = None,
) -> ExitCode:
    """
    Write the text of PDFs and of images (png, jpg, gif, bmp, tiff, webp).

    A file that fails does not lose the others: exit code 3 says that some failed.
    """
    if output is not None:
        _prepare(output, files)
    failures = Failures()
    with call.client() as client, _output.progress() as progress:
        bar = progress.add_task("", total=len(files))
        for file in files:
            progress.update(bar, description=_output.plain(file.name)[:TOLD_NAME_CHARS])
            with failures.kept(str(file)):
                found = (
                    _checked(client, file, local)
                    if check
                    else _read(client, file, local, force_ocr=force_ocr)
                )
                _show(call, file, found, output, with_name=len(files) > 1)
            progress.advance(bar)
    return failures.exit_code


def _prepare(folder: Path, files: list[Path]) -> None:
    """Make the folder, and refuse two texts of one name before the first is paid for."""
    name, count = Counter(_text_name(file) for file in files).most_common(1)[0]
    if count > 1:
        raise CommandError(f"{count} files would be written to {folder / name}: give them in several calls.")
    folder.mkdir(parents=True, exist_ok=True)


def _text_name(file: Path) -> str:
    """Name the text of a file: ``scan.png`` and ``scan.pdf`` must not meet."""
    return f"{file.stem if file.suffix.lower() == '.pdf' else file.name}.txt"


def _read(client: Artificer, file: Path, local: Local, *, force_ocr: bool) -> Reply:
    if _is_image(file):
        return client.images.extract_text_from_image(file)
    return client.images.process_pdf(file, {"force_ocr": force_ocr or None}, local=local.value)


def _checked(client: Artificer, file: Path, local: Local) -> Reply:
    if _is_image(file):
        raise CommandError("This is an image, which is always recognised: --check is for PDFs.")
    return client.images.check_pdf_needs_ocr(file, local=local.value)


def _is_image(file: Path) -> bool:
    from artificer_provider.client.errors import ConfigurationError
    from artificer_provider.client.resources.images import type_of_image

    try:
        type_of_image(file)
    except ConfigurationError:
        return False
    return True


def _show(call: Call, file: Path, found: Reply, folder: Path | None, *, with_name: bool) -> None:
    said: dict[str, Any] = found.model_dump(mode="json", by_alias=True, exclude_none=True)
    if folder is not None and "text" in said:
        place = folder / _text_name(file)
        place.write_text(said.pop("text"), encoding="utf-8", errors="backslashreplace")
        said["output"] = str(place)
    if call.as_json:
        _output.write_json({"file": str(file), **said})
    elif "text" in said:
        header = f"==> {file} <==\n" if with_name else ""
        _output.write(f"{header}{said['text'].rstrip()}\n")
    elif "output" in said:
        _output.write(f"{said['output']}\n")
    else:
        pages, needed = said["pages"], "needs OCR" if said["needsOCR"] else "needs no OCR"
        _output.write(f"{file}: {needed} ({pages} {'page' if pages == 1 else 'pages'})\n")
