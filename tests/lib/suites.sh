# shellcheck shell=bash
# shellcheck disable=SC2154 # here and root are set by tests/run
# A function a suite; each prints, last, `N passed, N failed, N skipped`. Sourced by tests/run.

closing()
{
    echo "$1 passed, $2 failed, $3 skipped"
    [ "$2" -eq 0 ]
}

suite_lint()
{
    local status=0 passed=0 tool=$here/system/node_modules/.bin/spectral
    if "$tool" lint --quiet --ruleset "$here/system/spectral.yaml" --fail-severity warn "$root/docs/openapi.yaml"; then
        passed=1
    fi
    run_program "$here/lint" || status=$?
    closing $((sum_passed + passed)) $((sum_failed + 1 - passed)) "$sum_skipped" && [ "$status" -eq 0 ]
}

# run_program ARGV…: runs a suite's own runner; its closing line becomes sum_*, the last word is ours.
run_program()
{
    local log status=0 line
    log=$(mktemp)
    "$@" 2>&1 | tee "$log" | grep -avE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'
    status=${PIPESTATUS[0]}
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
    rm -f "$log"
    if [ -z "$line" ]; then
        sum_passed=0 sum_failed=1 sum_skipped=0
        return 1
    fi
    read -r sum_passed _ sum_failed _ sum_skipped _ <<<"${line//,/}"
    return "$status"
}

# libcheck's "NN%: Checks: N, Failures: N, Errors: N", summed over the programs of meson suite $1.
sum_check()
{
    local log checks failures errors total=0 bad=0
    log=$(mktemp)
    # Most of them wait for a clock more than for a processor.
    meson test -C "$CROFT_BUILD" --no-rebuild --suite "$1" --print-errorlogs --verbose --num-processes 6 >"$log" 2>&1
    local status=$?
    while read -r checks failures errors; do
        total=$((total + checks))
        bad=$((bad + failures + errors))
    done < <(sed -nE 's/.*[0-9]+%: Checks: ([0-9]+), Failures: ([0-9]+), Errors: ([0-9]+).*/\1 \2 \3/p' "$log")
    # A program that crashed has no line of its own.
    [ "$status" -eq 0 ] || { cat "$log"; [ "$bad" -gt 0 ] || bad=1; }
    rm -f "$log"
    sum_passed=$((total > bad ? total - bad : 0)) sum_failed=$bad sum_skipped=0
}

suite_unit()
{
    sum_check unit
    closing "$sum_passed" "$sum_failed" "$sum_skipped"
}

suite_sql()
{
    "$here/sql/run"
}

suite_fuzz()
{
    local built=${LINT_BUILD_DIR:-$root/.build-lint}/clang # lint has built the targets already
    [ ! -f "$built/build.ninja" ] || export FUZZ_BUILD_DIR=$built
    "$here/fuzz/run" 3 # seconds a target: all suites together have a bound; by hand give it more
}

# The drivers against the real kernel, as root, each test in namespaces of its own.
suite_agent()
{
    sum_check agent-root
    closing "$sum_passed" "$sum_failed" "$sum_skipped"
}

# sum_said LOGS WORD: what node's runs said they have of it, summed.
sum_said()
{
    sed -nE "s/^ℹ $2 ([0-9]+)\$/\\1/p" "$1"/*.log | awk '{sum += $1} END {print sum + 0}'
}

# skips_said LOGS: how many tests and whole groups of them were skipped. node's own count leaves the groups out.
skips_said()
{
    cat "$1"/*.log | grep -cE '^ *﹣ '
}

# again_alone LOGS FOLDER: files that failed beside others are run once more, by themselves; their second word counts, and the first is
# said. More than two are no accident. docs/decisions/0063.
again_alone()
{
    local name red=()
    for name in "$1"/*.log; do
        ! grep -qaE '^ℹ (fail|cancelled) [1-9]' "$name" || red+=("$(basename "$name" .log)")
    done
    [ ${#red[@]} -le 2 ] || return
    for name in "${red[@]}"; do
        echo "-- $name failed beside others: once more, alone"
        "$here/lib/node-test" "$1" "$2/$name"
        grep -qaE '^ℹ (fail|cancelled) [1-9]' "$1/$name.log" || echo "unsteady - $name failed beside others and passed alone"
    done
}

# node_tests FOLDER JOBS [NAME…]: the compiled tests of tests/system/FOLDER, those named first, as they take longest.
node_tests()
{
    local folder=$here/system/dist/$1 jobs=$2 logs name
    logs=$(mktemp -d)
    shift 2
    for name in "$@" "$folder"/*.test.js; do
        echo "$folder/$(basename "$name" .test.js).test.js"
    done | awk '!seen[$0]++' | xargs -P "$jobs" -n 1 "$here/lib/node-test" "$logs"
    again_alone "$logs" "$folder"
    sum_passed=$(sum_said "$logs" pass)
    sum_failed=$(($(sum_said "$logs" fail) + $(sum_said "$logs" cancelled)))
    sum_skipped=$(skips_said "$logs")
    rm -rf "$logs"
}

suite_api()
{
    node_tests api 2 hostile matrix access
    closing "$sum_passed" "$sum_failed" "$sum_skipped"
}

# unit_tests_web: vitest's, counted by its own report.
unit_tests_web()
{
    local report status=0
    report=$(mktemp)
    (cd "$root/web" && npx vitest run --reporter=default --reporter=json --outputFile.json="$report") || status=$?
    sum_passed=$(jq -r '.numPassedTests // 0' "$report" 2>/dev/null) sum_failed=$(jq -r '.numFailedTests // 0' "$report" 2>/dev/null)
    sum_passed=${sum_passed:-0} sum_failed=${sum_failed:-0}
    [ "$status" -eq 0 ] || [ "$sum_failed" -gt 0 ] || sum_failed=1 # one that died before it could count
    rm -f "$report"
}

# The panel: its types, its units, its build with the budgets, then a browser against a real server and real containers.
suite_web()
{
    local passed=0 failed=0
    sum_skipped=0
    if install_web_modules && (cd "$root/web" && npm run --silent typecheck); then
        passed=1
    else
        closing 0 1 0
        return
    fi
    unit_tests_web
    passed=$((passed + sum_passed)) failed=$sum_failed
    if (cd "$root/web" && npm run --silent build); then
        passed=$((passed + 1))
        node_tests web 2 journeys screens
        passed=$((passed + sum_passed)) failed=$((failed + sum_failed))
    else
        failed=$((failed + 1))
    fi
    closing "$passed" "$failed" "$sum_skipped"
}

# How well guests are kept apart, measured: nothing else runs beside it.
suite_isolation()
{
    node_tests isolation 1
    closing "$sum_passed" "$sum_failed" "$sum_skipped"
}

# A machine of its own, emulated: only when it is named.
suite_vm()
{
    run_program "$here/vm/run"
    closing "$sum_passed" "$sum_failed" "$sum_skipped"
}

suite_e2e()
{
    local passed=0 failed=0 skipped=0 program
    node_tests e2e 3 outage faults-disks faults-snapshots faults-create faults-delete # outage waits most of its time
    passed=$sum_passed failed=$sum_failed skipped=$sum_skipped
    for program in quickstart packages; do
        run_program "$here/e2e/$program.sh"
        passed=$((passed + sum_passed)) failed=$((failed + sum_failed)) skipped=$((skipped + sum_skipped))
    done
    closing "$passed" "$failed" "$skipped"
}
