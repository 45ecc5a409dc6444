#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Files written from doc/nsw-format.md alone work: the writer that is printed there, and networks that no code of the
# project knows, whose pictures are compared with PyTorch's.
set -eu

python=/usr/bin/python3
[ -x "$NST" ] || { echo "skipped: this build has no nst program"; exit 77; }
"$python" -c 'import numpy' 2>/dev/null || { echo "skipped: needs $python with numpy (python3-numpy)"; exit 77; }
"$python" -c 'import torch' 2>/dev/null || { echo "skipped: needs $python with torch (python3-torch)"; exit 77; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

sed -n '/^```python$/,/^```$/p' "$SRCDIR/doc/nsw-format.md" | grep -v '^```' >"$folder/example.py"
[ "$(wc -l <"$folder/example.py")" -gt 40 ] || { echo "doc/nsw-format.md: no example found"; exit 1; }
"$python" "$folder/example.py" "$folder/example.nsw"
"$NST" info "$folder/example.nsw"
"$NST" info --json "$folder/example.nsw" | "$python" -c '
import json, sys
info = json.load(sys.stdin)
assert info["kind"] == "style" and info["name"] == "random" and info["multiple"] == 2, info
assert len(info["graph"]) == 19 and info["graph"][3]["op"] == "relu" and info["input_range"] == "255", info
assert info["parameters"] == sum(node["parameters"] for node in info["graph"]) == 35680, info'
printf 'P6\n5 3\n255\n%045d' 0 >"$folder/in.ppm"
"$NST" apply -s "$folder/example.nsw" "$folder/in.ppm" "$folder/out.ppm"
[ "$(head -c 9 "$folder/out.ppm" | tr '\n' ' ')" = "P6 5 3 25" ]

"$python" "$SRCDIR/tests/nsw_from_doc.py" "$NST" "$folder"
