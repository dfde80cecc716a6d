"""What an older Airflow lacks, and which tests need it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

#: The minor version of Airflow that is installed.
AIRFLOW: tuple[int, int] = tuple(map(int, version("apache-airflow-core").split(".")[:2]))  # type: ignore[assignment] # of two


@dataclass(frozen=True)
class Lack:
    """
    Something that an older Airflow does not have.

    :param since: the first version that has it.
    :param feature: what it is; docs/versions.md has a row of this name.
    :param tests: of what: files, or tests of a file, by the begin of their ids.
    """

    since: tuple[int, int]
    feature: str
    tests: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Why a test of it is skipped."""
        return "needs Airflow {}.{}: {}".format(*self.since, self.feature)


_CONNECTION = "tests/security/test_key_of_the_connection.py"
_NOTIFIER = "tests/integration/notifications/test_notifier.py"
_REFUSALS = "tests/integration/operators/test_run_batch_refusals.py"

LACKING = (
    Lack((3, 3), "retry policy", ("tests/unit/test_retry.py",)),
    Lack(
        (3, 3),
        "start in the triggerer",
        (
            "tests/unit/sensors/test_batch.py::test_started_in_the_triggerer_its_job_is_a_template",
            "tests/security/test_templates.py::test_the_ids_that_a_trigger_carries_are_no_templates",
        ),
    ),
    Lack((3, 3), "shared event streams", ("tests/integration/triggers/test_event_trigger.py",)),
    Lack(
        (3, 2),
        "connection form without code",
        ("tests/unit/hooks/test_form.py::test_airflow_reads_the_metadata_and_warns_of_nothing",),
    ),
    Lack(
        (3, 2),
        "an extra that is no JSON object is named",
        (
            *(
                f"{_CONNECTION}::{test}[no {what}"
                for test in (
                    "test_a_wrong_connection_is_told_of_without_its_key",
                    "test_nor_is_it_drawn_for_people",
                    "test_the_button_of_the_form_says_what_is_wrong_without_the_key",
                )
                for what in ("JSON", "object")
            ),
            f"{_NOTIFIER}::test_a_wrong_connection_is_named_with_what_is_wrong[fields3-the extra is no JSON",
        ),
    ),
    Lack(
        (3, 2),
        "the example `artificer_approval`",
        (
            *(
                f"tests/unit/test_examples.py::{test}[artificer_approval]"
                for test in (
                    "test_an_example_is_one_dag_of_the_name_of_its_file_that_airflow_can_write_down",
                    "test_its_docstring_says_what_it_shows_what_it_costs_and_what_it_needs",
                    "test_reading_its_file_is_quick_and_loads_nothing_that_only_a_task_needs",
                )
            ),
            "tests/system/test_examples.py::test_nothing_is_spent_before_a_person_approves_the_estimate",
        ),
    ),
    Lack(
        (3, 2),
        "a path that begins in the working directory",
        (f"{_REFUSALS}::test_an_output_that_cannot_be_written_is_found_before_a_job_is_made[notes.txt",),
    ),
    Lack(
        (3, 2),
        "triggers that load little",
        ("tests/unit/sensors/test_batch.py::test_parsing_a_dag_with_it_loads_a_few_modules",),
    ),
)


def lack_of(test: str, airflow: tuple[int, int] = AIRFLOW) -> Lack | None:
    """Find what an Airflow lacks that a test needs; None where it can run."""
    found = (lack for lack in LACKING if airflow < lack.since and test.startswith(lack.tests))
    return next(found, None)
