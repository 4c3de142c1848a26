#!/usr/bin/env bash
# Installs what is missing, then runs every check. Arguments go to pytest: ./test.sh -k softmax -x
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
tools/setup.sh test
python=.venv/bin/python

"$python" -m ruff check .
"$python" -m ruff format --check .
"$python" -m mypy
# Each process gets neighbouring tests, which share what a module builds, and takes over from the other at the end.
exec "$python" -m pytest -n 2 --dist worksteal "$@"
