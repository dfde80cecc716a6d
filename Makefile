# Every target is one line over tools/bootstrap.py; ARGS="..." goes on to the tool it runs.

.DEFAULT_GOAL := help
.PHONY: demo ui engine test test-ui test-slow coverage test-chaos test-distributed test-matrix test-live bench docs check \
	dist venv lock clean help

SHELL := /bin/sh
unexport PYTHONSAFEPATH PYTHONHOME

# The first Python that runs at all; bootstrap.py then finds one that fits the project.
BOOTSTRAP = @for p in python3 python python3.14 python3.13 python3.12 python3.11 \
	/usr/bin/python3 /usr/local/bin/python3 /opt/homebrew/bin/python3 "$$PYTHON"; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1 || continue; \
	exec "$$p" tools/bootstrap.py $@ $(ARGS); done; \
	echo 'No Python runs here: install Python 3.11 or newer, for instance apt-get install python3 python3-venv' >&2; exit 1

help:   ; $(BOOTSTRAP)
demo:   ; $(BOOTSTRAP)
ui:     ; $(BOOTSTRAP)
engine: ; $(BOOTSTRAP)
test:   ; $(BOOTSTRAP)
test-ui: ; $(BOOTSTRAP)
test-slow: ; $(BOOTSTRAP)
coverage: ; $(BOOTSTRAP)
test-chaos: ; $(BOOTSTRAP)
test-distributed: ; $(BOOTSTRAP)
test-matrix: ; $(BOOTSTRAP)
test-live: ; $(BOOTSTRAP)
bench:  ; $(BOOTSTRAP)
docs:   ; $(BOOTSTRAP)
check:  ; $(BOOTSTRAP)
dist:   ; $(BOOTSTRAP)
venv:   ; $(BOOTSTRAP)
lock:   ; $(BOOTSTRAP)
clean:  ; $(BOOTSTRAP)
