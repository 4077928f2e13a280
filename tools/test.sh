#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, checks the sources, builds with and without sanitizers, runs all tests.
#
#   tools/test.sh [--full]     --full: the long sweeps, too
#   tools/test.sh --mutants    only whether the suite notices wrong lines; see tests/mutants/README.md
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
'') ;;
--full) export HBCORE_FULL=1 ;;
--mutants)
    tools/install-deps.sh test
    exec python3 -B tests/mutants/run.py
    ;;
*)
    echo "usage: ${0##*/} [--full | --mutants]" >&2
    exit 2
    ;;
esac

jobs=$(nproc)
failed=()

# A step goes on to the next when it fails, so that one run shows everything that is wrong.
step() {
    local name=$1
    shift
    echo "== $name"
    local start=$SECONDS
    if ! "$@"; then
        failed+=("$name")
        echo "== $name: FAILED"
    fi
    echo "== $name: $((SECONDS - start)) s"
}

sources() {
    git ls-files --cached --others --exclude-standard -- "$@"
}

check_format() {
    sources '*.c' '*.h' '*.cc' | xargs clang-format --dry-run -Werror
}

check_scripts() {
    shellcheck tools/*.sh .ci/run contrib/completion/hbcore.bash
}

check_cppcheck() {
    # internalAstError: it cannot parse compound literals in a conditional, which is right C.
    cppcheck --quiet --error-exitcode=1 --std=c11 --language=c -j "$jobs" --inline-suppr \
        --enable=warning,performance,portability --suppress=missingIncludeSystem --suppress=internalAstError \
        -I core/include -I core core cli plugins templates
}

check_tidy() {
    sources 'core/*.c' 'cli/*.c' 'plugins/*.c' | grep -v /tests/ |
        xargs -P "$jobs" -n 4 clang-tidy --quiet -p build/dev --warnings-as-errors='*' 2>/dev/null
}

# The release preset may have been configured without tests, by quickstart.sh.
build() {
    cmake --preset "$1" -DHBCORE_TESTS=ON >/dev/null && cmake --build --preset "$1" -- -j "$jobs"
}

# run_tests PRESET CTEST-OPTIONS…: shows all, and keeps ctest's closing line.
closing=
run_tests() {
    local preset=$1 log
    shift
    log=build/$preset/ctest.log
    local status=0
    # Twice as many as there are processors: tests wait for disks and clocks half of their time.
    ctest --preset "$preset" -j "$((jobs * 2))" --no-tests=error "$@" 2>&1 | tee "$log" || status=$?
    closing=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+' "$log" | tail -n 1)
    return "$status"
}

if [ "${HBCORE_FULL:-}" = 1 ]; then
    tools/install-deps.sh full
else
    tools/install-deps.sh test
fi
step "format" check_format
step "shellcheck" check_scripts
step "cppcheck" check_cppcheck
for preset in dev tsan release; do
    step "build $preset" build "$preset"
done
step "clang-tidy" check_tidy
# Threads are watched there, not disks: in memory where there are 2 GB of it.
scratch=${TMPDIR:-/tmp}
room=$(df --output=avail -B 1M /dev/shm 2>/dev/null | tail -n 1) || room=0
if [ -z "${TMPDIR:-}" ] && [ "$room" -gt 2000 ]; then
    scratch=$(mktemp -d /dev/shm/hbcore-test-XXXXXX)
    chmod 755 "$scratch" # some tests become another user
    trap 'rm -rf "$scratch"' EXIT
fi
TMPDIR=$scratch step "tests tsan" run_tests tsan -LE one-thread
# As installed: what sanitizers would distort.
step "tests release" run_tests release -L 'release|abi|threads'
step "tests dev" run_tests dev

if [ ${#failed[@]} -gt 0 ]; then
    printf 'FAILED: %s\n' "${failed[@]}"
    echo "$closing"
    exit 1
fi
echo "$closing"
