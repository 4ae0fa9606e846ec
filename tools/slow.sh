#!/bin/sh
# The slow tests in two streams side by side: those of drain, which mostly wait, and all others. What the first says is shown at the end.
set -u
cd "$(dirname "$0")/.."
said=$(mktemp)
.venv/bin/pytest -q -m slow tests/drain >"$said" 2>&1 &
drain=$!
trap 'kill "$drain" 2>/dev/null; rm -f "$said"' EXIT
code=0
.venv/bin/pytest -q -m slow --ignore tests/drain || code=$?
wait "$drain" || code=$?
cat "$said"
exit "$code"
