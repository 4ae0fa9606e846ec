#!/bin/sh
set -e
node server_close.js
echo "ended with $?"
