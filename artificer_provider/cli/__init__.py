"""The command ``artificer``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """
    Run the command ``artificer``, and end this process with its exit code (:class:`._errors.ExitCode`).

    :param arguments: the words after it; by default those this process was started with.
    """
    try:
        from artificer_provider.cli._app import make_app
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("artificer_provider"):
            raise
        # Without _errors and _output, which may need what is missing.
        print(  # noqa: T201 - a command speaks to its terminal
            f"artificer: The command line needs {error.name}: pip install 'airflow-provider-artificer[cli]'",
            file=sys.stderr,
        )
        sys.exit(2)
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(make_app(words)(words, prog_name="artificer"))
