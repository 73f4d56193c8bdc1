# Each target is the line that you would type by hand, after the installation it needs.
PYTHON ?= python3
VENV ?= .venv
BUILD = setup.cfg setup.py pyproject.toml peerproto/wire/_blake256.c
UNIT_TESTS = $(sort $(filter-out tests/interop/%,$(wildcard tests/test_*.py tests/*/test_*.py)))

.PHONY: demo test trial fuzz soak lint docs

# make demo NETWORK=kaspa-simnet shows another network; Decred's work needs a package more.
demo: $(VENV)/installed $(patsubst %,$(VENV)/installed-%,$(filter decred,$(subst -, ,$(NETWORK))))
	$(VENV)/bin/twistd -n --pidfile= peernode --demo $(if $(NETWORK),--network $(NETWORK))

test: $(VENV)/installed-test
	$(VENV)/bin/python -m pytest

# The same unit tests under Twisted's own runner; tests/interop needs pytest-twisted.
trial: $(VENV)/installed-test
	$(VENV)/bin/python -m twisted.trial -j2 $(UNIT_TESTS)

# Hostile frames and random lives, others each time, until something breaks or you end it.
fuzz: $(VENV)/installed-test
	while PEERPROTO_FUZZ=1 PEERPROTO_EXAMPLES=20000 $(VENV)/bin/python -m pytest -q \
	    $(wildcard tests/test_*_hostile.py tests/test_*_random.py); do :; done

# What must hold for months: a book that survives a hundred kills, and 12 minutes of a thousand peers that come and go.
soak: $(VENV)/installed-test
	PEERPROTO_KILLS=100 $(VENV)/bin/python -m pytest -q -o faulthandler_timeout=1000 -k kill_9 tests/test_bookfile.py
	$(VENV)/bin/python -m benchmarks.soak

lint: $(VENV)/installed-lint
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

# The pages begin at docs/_build/index.html.
docs: $(VENV)/installed-docs
	$(VENV)/bin/sphinx-build -WEq docs docs/_build

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BUILD) | $(VENV)/bin/pip
	$(VENV)/bin/python -m pip install -e .
	@touch $@

$(VENV)/installed-%: $(BUILD) | $(VENV)/bin/pip
	$(VENV)/bin/python -m pip install -e '.[$*]'
	@touch $@
