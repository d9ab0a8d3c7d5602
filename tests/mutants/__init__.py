"""Small defects, planted one by one, and whether a test notices.

Owns: the mutation testing of `make mutants`: which changes are tried, which tests are run for
each, and what is remembered between runs.
"""
