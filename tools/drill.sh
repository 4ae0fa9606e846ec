#!/bin/sh
# The main job on the first pair of examples, one after the other: the as-shipped one must fail, the one done right must pass.
set -u
cd "$(dirname "$0")/.."
seatrial=.venv/bin/seatrial
mkdir -p .cache

printf '%s\n' "── examples/node-api-as-shipped: an API as the blogs ship it ──"
$seatrial drill examples/node-api-as-shipped --report .cache/node-api-as-shipped.html
shipped=$?
printf '\n%s\n' "── examples/node-api: the same API, done right ──"
$seatrial drill examples/node-api --report .cache/node-api.html
right=$?

printf '\n%s\n' "reports: .cache/node-api-as-shipped.html .cache/node-api.html"
if [ "$shipped" = 1 ] && [ "$right" = 0 ]; then exit 0; fi
printf '%s\n' "unexpected: node-api-as-shipped ended with $shipped (expected 1), node-api with $right (expected 0)" >&2
exit 1
