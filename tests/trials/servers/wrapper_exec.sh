#!/bin/sh
set -e
exec node server_close.js
