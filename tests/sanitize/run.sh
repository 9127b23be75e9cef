#!/bin/sh
# The kernels' tests against a build with AddressSanitizer, UndefinedBehaviorSanitizer and live
# asserts, made in build/sanitize beside the ordinary one.
#
#   PYTHON=.venv/bin/python tests/sanitize/run.sh [pytest arguments]
#
# Leaks are not looked for: the core never allocates, and the interpreter itself leaks at exit.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python}
case $python in */*) python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python") ;; esac
copy=$root/build/sanitize

mkdir -p "$copy/edgerec" "$copy/tests/strategies" "$copy/tests/oracles"
rm -rf "$copy/src_c" "$copy/edgerec/kernels"
cp -R "$root/src_c" "$root/setup.py" "$root/pyproject.toml" "$copy"
cp "$root/edgerec/__init__.py" "$root/edgerec/errors.py" "$copy/edgerec"
mkdir "$copy/edgerec/kernels"
cp "$root"/edgerec/kernels/*.py "$root"/edgerec/kernels/*.pyx "$root"/edgerec/kernels/*.pxd \
    "$copy/edgerec/kernels"
cp "$root/tests/__init__.py" "$root"/tests/test_kernels_*.py "$copy/tests"
cp "$root"/tests/strategies/__init__.py "$root"/tests/strategies/arrays.py \
    "$root"/tests/strategies/isas.py "$copy/tests/strategies"
cp "$root"/tests/oracles/__init__.py "$root"/tests/oracles/kernels.py "$copy/tests/oracles"

cd "$copy"
EDGEREC_SANITIZE=1 "$python" -W ignore setup.py -q build_ext --inplace

compiler=${CC:-gcc}
LD_PRELOAD="$($compiler -print-file-name=libasan.so) $($compiler -print-file-name=libubsan.so)"
ASAN_OPTIONS=detect_leaks=0
UBSAN_OPTIONS=print_stacktrace=1
PYTHONMALLOC=malloc # so that each object has red zones of its own
export LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS PYTHONMALLOC
"$python" -c "import edgerec; assert edgerec.__file__.startswith('$copy'), edgerec.__file__"
exec "$python" -m pytest -q -p no:cacheprovider "$@" tests
