# One command for each thing a person wants. Needs Python 3.11 or newer and nothing else.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint docs lock clean

run: .venv/installed
	@exec $(BIN)/paperdesk serve

test: .venv/installed-dev
	@scripts/test

lint: .venv/installed-dev
	@scripts/lint

# Write anew the pages of docs/ that are made from the code.
docs: .venv/installed-dev
	@scripts/docs

# Resolve every dependency anew, with hashes and without any index's address.
lock: .venv/bin/uv
	@scripts/lock

clean:
	rm -rf .venv

.venv/bin/uv: requirements-uv.lock
	@scripts/venv $(PYTHON)

.venv/installed: requirements.lock pyproject.toml .venv/bin/uv
	@scripts/install requirements.lock
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@scripts/install requirements-dev.lock
	@touch $@
