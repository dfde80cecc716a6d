from __future__ import annotations

import pytest

from artificer_provider.batch.plan import Phase, read_options, read_phases
from artificer_provider.client.errors import ConfigurationError


def test_a_phase_may_be_written_in_either_spelling() -> None:
    assert read_phases([{"name": "p", "taskType": "qa", "useRAG": True}]) == read_phases(
        [{"name": "p", "task_type": "qa", "use_rag": True}]
    )
    assert Phase("p", use_rag=False).to_wire() == {"name": "p", "use_rag": False}


@pytest.mark.parametrize(
    ("phases", "told"),
    [
        ([], "There are no phases"),
        ({"name": "p"}, "phases is one value, not a list"),
        ([{"name": str(n)} for n in range(11)], "There are 11 phases; one job takes at most 10"),
        ([{"name": "p"}, {"name": "q", "tsk_type": "qa"}], r"phases\[1\] has a key 'tsk_type'.*'task_type'"),
        ([{"name": "p", "zzz": 1}], r"phases\[0\] has a key 'zzz' .*known are name, task_type"),
        ([{"task_type": "qa"}], r"phases\[0\].name is missing"),
        ([{"name": ""}], r"phases\[0\].name is empty"),
        ([{"name": "p"}, {"name": "p"}], r"phases\[1\].name: there is a phase 'p' already"),
    ],
)
def test_a_phase_that_no_engine_takes_is_named(phases: list[object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read_phases(phases)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"concurrency": 51}, "options.concurrency is 51: it must be a whole number from 1 to 50"),
        ({"concurrency": 1.5}, "options.concurrency is 1.5"),
        ({"checkpoint_frequency": 0}, "options.checkpoint_frequency is 0"),
        ({"auto_start": True}, "options has a key 'auto_start'"),
    ],
)
def test_an_option_that_no_engine_takes_is_named(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read_options(options)
