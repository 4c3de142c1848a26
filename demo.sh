#!/usr/bin/env bash
# Installs what is missing, then compiles the sample model to C, builds it, and runs it on an emulated Cortex-M4.
# Usage: ./demo.sh [FOLDER]   where to write; the default is build/demo in this folder
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
"$root/tools/setup.sh" demo
PATH=$root/.venv/bin:$PATH

out=${1:-$root/build/demo}
mkdir -p "$out"
out=$(cd "$out" && pwd -P)
cd "$root"
model=examples/digits/digits_int8.tflite
board=mps2-an386

step() {
    printf '\n$ %s\n' "$*"
    "$@"
}

printf 'A network that reads handwritten digits, on an emulated Cortex-M4 (%s).\nEverything is written to %s\n' \
    "$board" "$out"
step microgen compile "$model" --board "$board" --name digits -o "$out/digits"
step microgen build "$out/digits"
step microgen run "$out/digits" --input examples/digits/digits_test.npz --output "$out/answers.npz"
step microgen verify "$model" --board "$board" --samples 20
step microgen bench "$model" --board "$board" --json "$out/bench.json"

printf '\nThe sample network on the emulated Cortex-M4:\n'
python examples/digits/score.py "$out/answers.npz" --bench "$out/bench.json"
# verify has ended with 0, or this line is not reached
printf '  bit-exact with the host runtime: verified, every layer\n\nThe C project: %s\n' "$out/digits"
