"""``artificer batch``: jobs, from their creation to their rows."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artificer_provider.cli import _output
from artificer_provider.cli._call import Call, calls_engine
from artificer_provider.cli._errors import CommandError, ExitCode, Failures
from artificer_provider.cli._items import STDIN, ItemFormat, read_items
from artificer_provider.cli._job import Asked, Counted, create, money, to_json, verdict, wait
from artificer_provider.cli._phases import read_phases
from artificer_provider.cli._rows import STDOUT, RowFormat, landing, written
from artificer_provider.client.limits import MAX_PAGE
from artificer_provider.client.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from artificer_provider.client import Artificer
    from artificer_provider.client.models.batch import BatchJob

JobId = Annotated[str, typer.Argument(metavar="JOB_ID", show_default=False)]
JobIds = Annotated[list[str], typer.Argument(metavar="JOB_ID...", show_default=False)]
MaxFailed = Annotated[int, typer.Option(min=0, help="How many items may fail before the exit code says so.")]
WaitTimeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="How long to wait for the job, which goes on after that; no limit."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        name="batch", help="Batch jobs: many texts through phases of a model.", rich_markup_mode=None
    )
    for command in (run, watch, results, list_jobs, start, pause, resume, cancel, delete):
        group.command(command.__name__.removesuffix("_jobs"))(calls_engine(command))
    app.add_typer(group, no_args_is_help=True)


def run(
    call: Call,
    file: Annotated[
        Path, typer.Argument(metavar="FILE|-", show_default=False, help="Where the items are; - is stdin.")
    ],
    *,
    phase: Annotated[
        list[str],
        typer.Option(
            metavar="NAME[=PROMPT|:TASK]",
            default_factory=list,
            show_default=False,
            help="A step that every item goes through: its system prompt, or its task type (summarize, "
            "classify, …). Once for each, in order.",
        ),
    ],
    phases: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The phases as a JSON list, with all they can say.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What people know the job by.", show_default="the file's")
    ] = None,
    items_as: Annotated[
        ItemFormat | None,
        typer.Option("--format", help="How items are written.", show_default="by the suffix"),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(metavar="N", help="How many items the engine works on at once.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Who answers in phases that name no model.", show_default="the engine's"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="ROWS|-", help="Where the rows go, as JSON lines; - is stdout.", show_default="nowhere"
        ),
    ] = None,
    max_failed: MaxFailed = 0,
    timeout: WaitTimeout = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Start the job, say its id, and do not wait for it.")
    ] = False,
) -> ExitCode | None:
    """
    Create a job out of a file of items, start it, wait for it, and fetch its rows.

    A file is .jsonl or .ndjson (a text, or {"input": …, "metadata": …} a line), .json (a list of such), .csv
    (the column 'input'; the others come back as metadata) or .txt (a text a line). Ctrl-C leaves the job
    running.
    """
    if output is not None and no_wait:
        raise CommandError("--output and --no-wait exclude each other: who does not wait has no rows.")
    if output == STDOUT and call.as_json:
        raise CommandError("--output - and --json both want stdout: give the rows a file.")
    options = {} if concurrency is None else {"concurrency": concurrency}
    asked = Asked(
        name or ("stdin" if file == STDIN else file.stem),
        read_items(file, items_as),
        read_phases(phase, phases, model),
        options,
    )
    with call.client() as client, landing(output) as land:
        job = create(client, asked)
        with _leaving(job.id):
            _output.say(f"Job {job.id}: {len(asked.items):,} items.")
            job = client.batch.start(job.id)
            if no_wait:
                _output.write_json(to_json(job)) if call.as_json else _output.write(f"{job.id}\n")
                return None
            job = wait(client, job.id, timeout)
            counted = Counted([str(each.get("name")) for each in asked.phases])
            for piece in written(counted.passing(client.batch.iter_results(job.id)), RowFormat.NDJSON):
                if output is not None:
                    land(piece)
    return _summarize(call, job, counted, max_failed, output)


def watch(call: Call, job_id: JobId, *, timeout: WaitTimeout = None, max_failed: MaxFailed = 0) -> ExitCode:
    """Wait until a job has ended, and count its rows. Ctrl-C leaves it running."""
    with call.client() as client, _leaving(job_id):
        job = wait(client, job_id, timeout)
        counted = Counted([phase.phase for phase in client.batch.get_analytics(job_id).phases])
        for _ in counted.passing(client.batch.iter_results(job_id)):
            pass
    return _summarize(call, job, counted, max_failed, None)


def results(
    call: Call,
    job_id: JobId,
    *,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the rows go.", show_default="stdout")
    ] = None,
    rows_as: Annotated[
        RowFormat, typer.Option("--format", help="How rows are written; text is the outputs alone.")
    ] = RowFormat.NDJSON,
) -> None:
    """Write the rows of a job, which may be running still, in the order of its items."""
    if call.as_json and rows_as not in (RowFormat.JSON, RowFormat.NDJSON):
        raise CommandError(f"--json and --format {rows_as} exclude each other.")
    with call.client() as client, landing(output) as land:
        for piece in written(client.batch.iter_results(job_id), rows_as):
            land(piece)


def list_jobs(
    call: Call,
    *,
    status: Annotated[
        JobStatus | None, typer.Option(case_sensitive=False, help="Only jobs that stand so.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Only jobs of exactly this name.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
) -> None:
    """List jobs, newest first."""
    with call.client() as client:
        jobs = list(islice(_jobs(client, status, name, limit), limit))
    if call.as_json:
        _output.write_json([to_json(job) for job in jobs])
        return
    columns = ("ID", "NAME", "STATUS", "ITEMS", "FAILED", "COST", "CREATED")
    _output.write_table(columns, [_row(job) for job in jobs])


def _jobs(client: Artificer, status: JobStatus | None, name: str | None, limit: int) -> Iterator[BatchJob]:
    if name is not None:  # not every engine can look for one
        return (job for job in client.batch.find(name) if status in (None, job.status))
    if limit <= MAX_PAGE:
        return iter(client.batch.list(status=status, limit=limit))
    return client.batch.iter_jobs(status=status)


def _row(job: BatchJob) -> tuple[str, ...]:
    done = job.completed_items + job.failed_items
    created = "" if job.created_at is None else f"{job.created_at:%Y-%m-%d %H:%M:%S}"
    items, failed = f"{done}/{job.total_items}", str(job.failed_items)
    return job.id, job.name, job.status, items, failed, money(job.cost_incurred), created


def start(call: Call, job_ids: JobIds) -> ExitCode:
    """Start pending jobs. One that is beyond that is left alone."""
    return _each(call, job_ids, lambda client: client.batch.start)


def pause(call: Call, job_ids: JobIds) -> ExitCode:
    """Let items in flight end, and begin no others."""
    return _each(call, job_ids, lambda client: client.batch.pause)


def resume(call: Call, job_ids: JobIds) -> ExitCode:
    """Go on with paused jobs."""
    return _each(call, job_ids, lambda client: client.batch.resume)


def cancel(call: Call, job_ids: JobIds) -> ExitCode:
    """End jobs for good. What they did so far is kept."""
    return _each(call, job_ids, lambda client: client.batch.cancel)


def delete(call: Call, job_ids: JobIds) -> ExitCode:
    """Remove jobs that are not running, and their rows."""
    return _each(call, job_ids, lambda client: client.batch.delete)


def _each(
    call: Call, job_ids: list[str], verb: Callable[[Artificer], Callable[[str], BatchJob | None]]
) -> ExitCode:
    """Do something to each job; one that fails does not lose the others."""
    failures, told = Failures(), list[object]()
    with call.client() as client:
        for job_id in job_ids:
            with failures.kept():
                job = verb(client)(job_id)
                told.append({"id": job_id, "deleted": True} if job is None else to_json(job))
                if not call.as_json:
                    _output.write(f"{job_id} {'deleted' if job is None else job.status}\n")
    if call.as_json:
        _output.write_json(told)
    return failures.exit_code


@contextmanager
def _leaving(job_id: str) -> Iterator[None]:
    """Say what becomes of a job when nobody waits for it any more."""
    try:
        yield
    except KeyboardInterrupt:
        _output.say(
            f"\nJob {job_id} is left as it is. See it: artificer batch watch {job_id}; "
            f"end it: artificer batch cancel {job_id}"
        )
        raise


def _summarize(call: Call, job: BatchJob, counted: Counted, max_failed: int, output: Path | None) -> ExitCode:
    failed = job.total_items - counted.succeeded
    if call.as_json:
        rows = {"succeeded": counted.succeeded, "failed": failed}
        where = None if output is None else str(output)
        _output.write_json({"job": to_json(job), "rows": rows, "output": where})
    else:
        tell = _output.say if output == STDOUT else lambda line: _output.write(f"{line}\n")
        cost = f", {money(job.cost_incurred)}" if job.cost_incurred is not None else ""
        items = f"{counted.succeeded:,} of {job.total_items:,} items succeeded"
        tell(f"Job {job.id} is {job.status}: {items}{cost}.")
        if job.error:
            tell(f"The engine says: {job.error}")
        if output is not None and output != STDOUT:
            tell(f"Rows: {output}")
    if counted.first_failure is not None:
        _output.say(f"{failed:,} items have no good answer; the first, {counted.first_failure}.")
    return verdict(job, failed, max_failed)
