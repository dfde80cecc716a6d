"""What a log says of a run that is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from artificer_provider.operators._landing import Manifest
from artificer_provider.operators._told import WIDTH, money, span, told

PLACE = "s3://out/run 1/manifest.json"
MANIFEST = Manifest(
    run="",
    path="s3://out/run 1",
    outcome="succeeded",
    files=["rows-0001-of-0002.jsonl", "rows-0002-of-0002.jsonl"],
    job_ids=["job-1", "job-2", "job-3", "job-4"],
    items=12_000,
    counts={"succeeded": 11_998, "failed": 1, "unprocessed": 0, "apology": 1},
    cost=1.25,
    tokens=1_234_567,
    models=["small"],
)


def test_a_run_is_told_in_a_table() -> None:
    assert told(MANIFEST, ["item 7: the model refused", "item 9: an apology"], PLACE, 3_725.4) == (
        """\
The run ended (succeeded): 11,998 of 12,000 items have a good answer.
  rows    11,998 succeeded, 1 failed, 1 apology
  cost    $1.2500
  tokens  1,234,567
  models  small
  jobs    4: job-1, job-2, job-3 and 1 more
  time    1 h 2 min
  landed  2 file(s) beside s3://out/run 1/manifest.json
  first failures
    item 7: the model refused
    item 9: an apology"""
    )


def test_a_chain_is_told_with_what_each_phase_cost_and_what_is_unknown_is_called_so() -> None:
    chain = replace(MANIFEST, job_ids=[], models=[], tokens=None, cost=None)
    chain = replace(chain, phase_costs={"summarize": 0.5, "classify": None})
    assert told(chain, [], PLACE, None) == (
        """\
The run ended (succeeded): 11,998 of 12,000 items have a good answer.
  rows         11,998 succeeded, 1 failed, 1 apology
  cost         unknown
    summarize  $0.5000
    classify   unknown
  tokens       unknown
  landed       2 file(s) beside s3://out/run 1/manifest.json"""
    )


def test_whatever_an_engine_writes_it_stays_within_twenty_lines_of_a_bounded_width() -> None:
    endless = replace(
        MANIFEST,
        job_ids=["j" * 200] * 1_000,
        models=["m" * 200] * 40,
        phase_costs={f"{number} {'p' * 100}": 1.0 for number in range(10)},
    )
    lines = told(endless, [f"item {number}:\n\n{'why ' * 100}" for number in range(40)], PLACE, 1.0).split(
        "\n"
    )
    assert len(lines) == 20
    assert max(map(len, lines)) == WIDTH
    assert "and 5 more phases" in " ".join(lines)


def test_the_place_of_the_manifest_is_told_whole_however_long_it_is() -> None:
    place = f"s3://{'folder/' * 40}manifest.json"
    assert told(MANIFEST, [], place, 1.0).endswith(place)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3_600, "1 h 0 min"),
        (200_000, "2 d 7 h"),
        (-1, "0 s"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        (None, "unknown"),
        (0.0, "$0.0000"),
        (0.00001, "under $0.0001"),
        (0.0001, "$0.0001"),
        (1234.5, "$1,234.5000"),
    ],
)
def test_what_costs_next_to_nothing_is_told_apart_from_nothing(dollars: float | None, text: str) -> None:
    assert money(dollars) == text
