#!/usr/bin/env bash
# Installs what is missing, then runs every check. Arguments go to pytest: ./test.sh -k softmax -x
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
tools/setup.sh test
python=.venv/bin/python

"$python" -m ruff check .
"$python" -m ruff format --check .
"$python" -m mypy
exec "$python" -m pytest -n 2 "$@"
