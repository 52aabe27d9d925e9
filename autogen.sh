#!/bin/sh
# Make ./configure from configure.ac and Makefile.am.
set -eu
cd "$(dirname "$0")"
for program in autoreconf automake; do
  if ! command -v $program >/dev/null 2>&1; then
    echo "autogen.sh: $program is missing; as root: apt-get install autoconf automake" >&2
    exit 1
  fi
done
mkdir -p autotools/aux
autoreconf --install --force --warnings=all
