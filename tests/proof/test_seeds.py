"""A sample of the seeds, the same every time, and every story that once failed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from promises.showing import ROOT
from proof.found import FOUND, Found
from proof.report import NOT_RUN, PRINTED, write_report
from proof.seeds import FAULTS, judged, run
from proof.shrink import shrink
from proof.story import Story, draw

SAMPLE = range(12)
STORIES = sorted((Path(__file__).parent / "stories").glob("*.json"))


@pytest.mark.parametrize("seed", SAMPLE)
def test_a_seed_breaks_no_promise(seed: int) -> None:
    assert run(seed).violations == []


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_that_once_failed_breaks_no_promise(path: Path) -> None:
    assert judged(Story.of_json(json.loads(path.read_text()))).violations == []


def test_a_seed_is_the_same_whatever_the_hash_seed_is() -> None:
    def told(hash_seed: str) -> dict[str, Any]:
        line = subprocess.run(
            [sys.executable, "-m", "proof.seeds", "4", "1"],
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        found: dict[str, Any] = json.loads(line)
        return found | {"seconds": 0.0}

    here = run(4).as_json() | {"seconds": 0.0}
    assert here["cells"]
    assert told("1") == told("2") == here


def test_a_story_is_the_same_after_it_was_written_down() -> None:
    story = draw(7, FAULTS)

    assert Story.of_json(json.loads(json.dumps(story.as_json()))) == story


def test_a_story_is_made_as_small_as_what_fails_in_it() -> None:
    story = draw(7, FAULTS)
    culprits = {story.parts()[1], story.parts()[-1]}

    smallest = shrink(story, lambda smaller: culprits <= _named(story, smaller))

    assert _named(story, smallest) == culprits


def _named(story: Story, smaller: Story) -> set[str]:
    """Return the parts of a story that a smaller one still has, by the names they have there."""
    steps = {f"step {n}" for n, step in enumerate(story.steps) if step in smaller.steps}
    return {*smaller.faults, *steps}


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.what[:40])
def test_what_was_found_is_held_by_a_test(found: Found) -> None:
    path, test = found.test.split("::")

    assert f"def {test}(" in (ROOT / path).read_text()


def test_the_page_names_every_proof_and_what_was_not_run(tmp_path: Path) -> None:
    write_report(tmp_path / "page.md", tmp_path / "nothing")
    page = (tmp_path / "page.md").read_text()

    assert page.count(NOT_RUN) == 3 + len(PRINTED)
    assert all(each.what in page for each in FOUND)
