#!/bin/sh
set -e
for argument; do echo "[$argument]"; done >/arguments
