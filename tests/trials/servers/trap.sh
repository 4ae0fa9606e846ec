#!/bin/sh
# The signal is passed on, and nobody waits for the end: the trap interrupts the only wait.
node server_close.js &
trap 'kill $!' TERM
wait $!
