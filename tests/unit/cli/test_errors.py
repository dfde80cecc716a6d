"""Which exit code an error is."""

from __future__ import annotations

import pytest

from artificer_provider.cli._errors import CommandError, ExitCode, Failures, code_of, sentence_of
from artificer_provider.client import errors
from artificer_provider.client.states import JobStatus


def refusal(status: int) -> errors.StatusError:
    return errors.error_class(status)(f"refused with {status}", status_code=status)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigurationError("no"), 2),
        (errors.NotCarriedError("no", fields=["name"]), 2),
        (refusal(400), 2),
        (refusal(422), 2),
        (errors.ArtificerConnectionError("no", sent=False), 4),
        (errors.ArtificerTimeoutError("no", sent=True), 4),
        (refusal(401), 5),
        (refusal(403), 5),
        (refusal(404), 6),
        (refusal(410), 6),
        (refusal(409), 1),
        (refusal(429), 1),
        (refusal(503), 1),
        (errors.ReplyError("no"), 1),
        (errors.EngineAnswerError("no", answer="Sorry"), 1),
        (errors.JobFailedError("no", job_id="j", status=JobStatus.FAILED), 1),
        (errors.WaitTimeoutError("no", job_id="j", last_status=None), 7),
        (CommandError("no", ExitCode.FAILED), 1),
        (FileNotFoundError(2, "No such file or directory", "f"), 2),
        (OSError(28, "No space left on device", "f"), 1),
    ],
)
def test_each_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert code_of(error) == code


def test_every_error_is_told_in_one_line() -> None:
    assert sentence_of(errors.ArtificerError("two\nlines")) == "two lines"
    assert (
        sentence_of(FileNotFoundError(2, "No such file or directory", "f")) == "f: No such file or directory."
    )


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ([None, None], ExitCode.DONE),
        ([None, refusal(404)], ExitCode.SOME_FAILED),
        ([refusal(404), refusal(410)], ExitCode.NOT_FOUND),
        ([refusal(404), refusal(401)], ExitCode.FAILED),
    ],
)
def test_of_several_things_some_can_fail(
    ends: list[Exception | None], code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    failures = Failures()
    for end in ends:
        with failures.kept():
            if end is not None:
                raise end
    assert failures.exit_code is code
    assert capsys.readouterr().err.count("\n") == sum(end is not None for end in ends)
