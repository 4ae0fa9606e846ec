#!/bin/sh
# The signal is passed on, and a second wait takes the program's own exit code.
node server_close.js &
trap 'kill $!' TERM
wait $!
wait $!
