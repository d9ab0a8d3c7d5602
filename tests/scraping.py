"""A page of figures, read as Prometheus reads it.

Owns: how a test takes one and finds a sample on it. Knows nothing of what is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Page:
    """The samples of one scrape."""

    samples: dict[tuple[str, Labels], float]

    @classmethod
    def of(cls, text: str) -> Page:
        """Read a page."""
        return cls(
            {
                (sample.name, frozenset(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
        )

    def get(self, name: str, **labels: str) -> float | None:
        """Return the value of a sample, None where there is none."""
        return self.samples.get((name, frozenset(labels.items())))

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        wanted = labels.items()
        return sum(value for of, value in self.all(name) if wanted <= dict(of).items())

    def all(self, name: str) -> Iterator[tuple[Labels, float]]:
        """Return the samples of a metric."""
        for (found, labels), value in self.samples.items():
            if found == name:
                yield labels, value

    def labels(self, name: str) -> set[str]:
        """Return the names of its labels."""
        return {label for of, _ in self.all(name) for label, _ in of}

    @property
    def names(self) -> set[str]:
        """Return the names of all samples."""
        return {name for name, _ in self.samples}


async def scrape(caller: httpx.AsyncClient) -> Page:
    """Ask for the page."""
    answer = await caller.get("/metrics")
    assert answer.status_code == 200, answer.text
    return Page.of(answer.text)
