#!/bin/sh
# The slow tests in five streams side by side, as most of them wait: the drills, the trials of real services, the native
# engine and projects, the drain library with the real engines, and all others. What the first four say is shown at the end.
set -u
cd "$(dirname "$0")/.."
said=$(mktemp -d)
begun=""
stream() {
    name=$1
    shift
    .venv/bin/pytest -q -m slow "$@" >"$said/$name" 2>&1 &
    begun="$begun $!"
}
# shellcheck disable=SC2064  # the directory as it is now
trap "kill \$begun 2>/dev/null; rm -rf '$said'" EXIT
stream drill tests/drill
stream drain tests/drain tests/engine/docker tests/engine/swarm tests/engine/kubernetes
stream trials tests/trials
stream engine tests/engine/contract tests/engine/logs tests/engine/native tests/engine/test_probes.py tests/project
code=0
.venv/bin/pytest -q -m slow --ignore tests/drill --ignore tests/drain --ignore tests/trials --ignore tests/engine --ignore tests/project || code=$?
for process in $begun; do
    wait "$process" || code=$?
done
cat "$said"/*
exit "$code"
