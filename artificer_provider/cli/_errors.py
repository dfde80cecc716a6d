"""How a command ends: one exit code for each kind of ending, and one sentence where it is a bad one."""

from __future__ import annotations

from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING

import typer

from artificer_provider.cli import _output
from artificer_provider.client import errors

if TYPE_CHECKING:
    from collections.abc import Iterator


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0
    FAILED = 1  #: the engine refused or failed, or the job did not complete
    WRONG_USE = 2  #: an argument, a setting or a file is wrong
    SOME_FAILED = 3  #: it was done, but for some items, files or jobs
    UNREACHABLE = 4
    NOT_ALLOWED = 5
    NOT_FOUND = 6
    TIME_OVER = 7  #: the time to wait is over; the job goes on
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot do what it was asked, for a reason on this side of the wire."""

    def __init__(self, sentence: str, code: ExitCode = ExitCode.WRONG_USE) -> None:
        super().__init__(sentence)
        self.code = code


_CODES: tuple[tuple[type[errors.ArtificerError], ExitCode], ...] = (
    (errors.ConfigurationError, ExitCode.WRONG_USE),
    (errors.InvalidRequestError, ExitCode.WRONG_USE),
    (errors.ArtificerConnectionError, ExitCode.UNREACHABLE),
    (errors.AuthenticationError, ExitCode.NOT_ALLOWED),
    (errors.PermissionDeniedError, ExitCode.NOT_ALLOWED),
    (errors.NotFoundError, ExitCode.NOT_FOUND),
    (errors.WaitTimeoutError, ExitCode.TIME_OVER),
)


def code_of(error: Exception) -> ExitCode:
    """Say how a command ends that ends with this error."""
    if isinstance(error, CommandError):
        return error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)


def sentence_of(error: Exception) -> str:
    """Say in one line what went wrong."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or error}."
    return " ".join(str(error).split())


@contextmanager
def reported(*, debug: bool = False) -> Iterator[None]:
    """
    End the command with the exit code and the sentence of an error in this block.

    :param debug: show where it happened as well.
    :raises typer.Exit: in place of the error.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # whoever reads us has enough, and typer ends quietly
    except (errors.ArtificerError, CommandError, OSError) as error:
        if debug:
            import traceback

            traceback.print_exc()
        _output.say(f"artificer: {sentence_of(error)}")
        raise typer.Exit(code_of(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None


class Failures:
    """Lets one thing of several fail without losing the others, and says how the command ends."""

    def __init__(self) -> None:
        self.codes: list[ExitCode] = []
        self.succeeded = 0

    @contextmanager
    def kept(self, what: str = "") -> Iterator[None]:
        """
        Report an error in this block, and go on after it.

        :param what: the thing that failed, where the error does not name it.
        """
        try:
            yield
            self.succeeded += 1
        except BrokenPipeError:
            raise
        except (errors.ArtificerError, CommandError, OSError) as error:
            _output.say(f"artificer: {what and f'{what}: '}{sentence_of(error)}")
            self.codes.append(code_of(error))

    @property
    def exit_code(self) -> ExitCode:
        """SOME_FAILED when others succeeded; when none did, the code that is theirs."""
        if not self.codes:
            return ExitCode.DONE
        if self.succeeded:
            return ExitCode.SOME_FAILED
        return self.codes[0] if len(set(self.codes)) == 1 else ExitCode.FAILED
