# One command for each thing a person wants. Needs Python 3.11 or newer and nothing else.
PYTHON ?= python3
BIN := .venv/bin
# TWS clients that must take twsim for real, each in an environment of its own.
CLIENTS := ib_async ib_insync ibapi_9 ibapi_10 stoqey
CLIENT_STAMPS := $(CLIENTS:%=.venv/clients/%/installed)

.PHONY: run test lint docs notebook lock clean clients transcripts fuzz traps bench races prove \
	unanswered crowd same kills walks flood limits backup-drill audit canaries halts \
	schema machine fuzz-service planted storm harms smallscope mutants exits five-minutes pictures coverage

# The dashboard's scripts come with the installation; where npm was out of reach then, try again.
run: .venv/installed
	@$(BIN)/python hatch_build.py || true
	@exec $(BIN)/paperdesk serve

test: .venv/installed-dev clients
	@scripts/chromium
	@$(BIN)/python hatch_build.py --tests
	@scripts/test

clients: $(CLIENT_STAMPS)

# The same session of five clients, side by side.
transcripts: .venv/installed-dev clients
	@$(BIN)/python scripts/client_transcripts.py

# A new target against an order on its way, in every order of events: what was sent, what is held.
races: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m races

# Seeds for so many minutes, on every core: programs, faults, crashes, then calm. Writes
# RELIABILITY.md; Ctrl-C ends it, and the next run goes on behind the last seed.
MINUTES ?= 10
prove: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m proof.prove $(MINUTES)

# Every schedule of one symbol, two targets, a crash and a lost line, over the real functions of
# the domain: how many states, and whether a law broke. The seed is of the random schedules.
SCOPE_SEED ?= 0
smallscope: .venv/installed-dev
	@PYTHONPATH=tests scripts/kept smallscope $(BIN)/python -m smallscope $(SCOPE_SEED)

# Small defects, planted in MUTANTS (domain or desk) for MINUTES: which no test notices. What was
# judged is kept in build/mutants.json, and not judged again; 0 minutes prints it.
MUTANTS ?= domain
MUTANT_SEED ?= 0
mutants: .venv/installed-dev
	@PYTHONPATH=src:tests scripts/kept mutants-$(MUTANTS) $(BIN)/python -m mutants $(MUTANTS) $(MINUTES) $(MUTANT_SEED)

# The line drops before an order is answered, in SEEDS runs on a virtual clock: what became of each.
SEEDS ?= 500
unanswered: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m promises.unanswered $(SEEDS)

# Ten clients on twenty symbols for CROWD_SECONDS: where it ends, and whether the books agree.
CROWD_SECONDS ?= 60
CROWD_SEED ?= 0
crowd: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m promises.crowd $(CROWD_SECONDS) $(CROWD_SEED)

# A halt in the middle of a batch of HALTED orders, and after a restart: what left behind it.
HALTED ?= 500
halts: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m promises.halts $(HALTED)

# The same targets, posted POSTS times while their orders work: how many orders left.
POSTS ?= 1000
same: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m promises.same $(POSTS)

# A program posts 1,000 batches a second for FLOOD_SECONDS: what was accepted, refused and lost.
FLOOD_SECONDS ?= 60
flood: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m promises.flood $(FLOOD_SECONDS)

# Each limit, and an order on either side of it.
limits: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m promises.limits

# Every route asked by everybody, and for what is another's: who is let in, and who sees whose.
walks: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m promises.walks

# Secrets planted in every place where one may slip: where they were looked for, and found.
canaries: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m promises.canaries

# Ask a service CASES things that its OpenAPI document allows, or forbids, from SCHEMA_SEED on.
CASES ?= 5000
SCHEMA_SEED ?= 1
schema: .venv/installed-dev
	@PYTHONPATH=tests scripts/kept schema $(BIN)/python -m fuzz.schema $(CASES) $(SCHEMA_SEED)

# Whatever clients, the gateway and death may do, in EXAMPLES worlds of up to 60 steps each.
EXAMPLES ?= 100
MACHINE_SEED ?= 1
machine: .venv/installed-dev
	@PYTHONPATH=tests scripts/kept machine $(BIN)/python -m fuzz.machine $(EXAMPLES) $(MACHINE_SEED)

lint: .venv/installed-dev
	@scripts/lint

# Which lines and branches the tests run, those of processes of their own aside, and the floors.
coverage: .venv/installed-dev clients
	@scripts/coverage

# Feed twsim nonsense for FUZZ_SECONDS; prints the seed of what did harm.
FUZZ_SECONDS ?= 60
fuzz: .venv/installed-dev
	@$(BIN)/python tests/fuzz/twsim_fuzz.py $(FUZZ_SECONDS)

# Let a gateway talk nonsense to the service for FUZZ_SECONDS; prints the seed of what did harm.
fuzz-service: .venv/installed-dev
	@PYTHONPATH=tests scripts/kept fuzz-service $(BIN)/python -m fuzz.service_fuzz $(FUZZ_SECONDS)

# What ib_async does that loses orders and fills, and what we do there, as a table.
traps: .venv/installed-dev
	@scripts/traps

# Kill the service at every crash point, or at those in KILLS, and print what came of it.
KILLS ?=
kills: .venv/installed-dev
	@scripts/kept kills scripts/kills $(KILLS)

# Plant each of tests/planted in a copy of the source, or those in BUGS, and count the seeds until
# it is caught, BUG_SEEDS at most.
BUGS ?=
BUG_SEEDS ?= 2000
planted: .venv/installed-dev
	@PYTHONPATH=tests scripts/kept planted $(BIN)/python -m planted.table $(BUG_SEEDS) $(BUGS)

# Kill the service KILLS times at random moments while clients trade on LEDGER: what was doubled or
# lost. Runs of one commit add up in build/storm-LEDGER.json.
LEDGER ?= sqlite
SEED ?= 0
storm: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m storms.storm $(or $(KILLS),1000) $(LEDGER) $(SEED)

# Every other harm to a service that trades, or those in HARMS.
HARMS ?=
harms: .venv/installed-dev
	@PYTHONPATH=tests scripts/kept harms $(BIN)/python -m storms.harms $(HARMS)

# Back up a service that runs, destroy its ledger, restore it, and compare every answer.
backup-drill: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m promises.backup_drill

# Known holes in what the lock names, and a bill of materials in build/sbom.json.
audit: .venv/audit/installed
	@scripts/audit

# Every exit code of the commands, brought about: the command, what it said, how it ended.
exits: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m e2e.exits

# Everything in bench/; what it prints depends on the machine, and nothing fails by it.
bench: .venv/installed-dev
	@scripts/bench

# Write anew the pages of docs/ that are made from the code.
docs: .venv/installed-dev
	@scripts/docs

# Run the notebook of examples/, and leave it as a page with its plots in build/.
notebook: .venv/installed-dev
	@scripts/notebook build

# Type the first five minutes of README.md again, and write into it what is seen.
five-minutes: .venv/installed-dev
	@PYTHONPATH=tests $(BIN)/python -m e2e.five_minutes --write

# Take the README's picture of the dashboard again; the others stay in build/shots.
pictures: .venv/installed-dev
	@scripts/chromium
	@$(BIN)/python hatch_build.py --tests
	@$(BIN)/pytest --quiet tests/browser/test_pictures.py
	@cp build/shots/dark.png docs/images/dashboard.png

# Resolve every dependency anew, with hashes and without any index's address.
lock: .venv/bin/uv .venv/clients/stoqey/installed
	@scripts/lock

clean:
	rm -rf .venv

.venv/bin/uv: requirements-uv.lock
	@scripts/venv $(PYTHON)

.venv/installed: requirements.lock pyproject.toml hatch_build.py web/package-lock.json .venv/bin/uv
	@scripts/install requirements.lock
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@scripts/install requirements-dev.lock
	@touch $@

.venv/audit/installed: requirements-audit.lock .venv/bin/uv
	@.venv/bin/uv venv --quiet --clear --python .venv/bin/python .venv/audit
	@VIRTUAL_ENV=.venv/audit .venv/bin/uv pip install --quiet --require-hashes -r $<
	@touch $@

.venv/clients/%/installed: tests/clients/locks/%.lock scripts/client .venv/bin/uv
	@scripts/client $*
	@touch $@

.venv/clients/ibapi_9/installed: tests/clients/locks/ibapi_9.build.lock
.venv/clients/stoqey/installed: tests/clients/stoqey/package-lock.json
