"""What every test shares.

Owns: the seeds of hypothesis (the same in every run of the suite, and no deadline: a slow
machine is no failure) and quiet logs.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")
