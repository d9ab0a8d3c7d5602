"""Mistakes that a careful engineer could still make, planted to see whether the proof sees them.

Owns: the thirty diffs of reliability.md §4.5, how they are applied to a copy of the source, and
the table of how many seeds each of them takes to be caught.
"""
