#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst info: what it shows, and its errors.
. "$(dirname "$0")/tools/cli_common.sh"

"$tools/make_style" paint paint.nsw
"$tools/make_style" loss loss.nsw

status 0 "$NST" info paint.nsw
for text in "kind        style" "parameters " "multiply-accumulates per pixel" "multiples of " "licence " "training" \
    "conv2d"; do
    says out "$text"
done
status 0 "$NST" info loss.nsw
says out "kind        loss"

status 0 "$NST" info --json paint.nsw
cp out paint.json
for text in '"kind":	"style"' '"parameters":' '"macs_per_pixel":' '"multiple":' '"graph":' '"tensors":' \
    '"dtype":	"F32"'; do
    says out "$text"
done
mkdir styles
cp paint.nsw styles/night.nsw
status 0 env NST_PATH=/none:styles "$NST" info --json night
says out '"file":	"styles/night.nsw"'
cmp -s <(grep -v '"file"' out) <(grep -v '"file"' paint.json) || wrong "by name it tells something else"

refused "none.nsw: No such file" "$NST" info none.nsw
refused "no day.nsw in styles:" env NST_PATH=styles "$NST" info day
refused "a regular file expected" "$NST" info ./styles
refused "safetensors file expected" "$NST" info "$SRCDIR/tests/info.sh"
head -c 1000 paint.nsw >short.nsw
refused "short.nsw: " "$NST" info short.nsw
: >empty.nsw
refused "empty.nsw: a safetensors file expected, only 0 bytes found" "$NST" info --json empty.nsw
status 2 "$NST" info
status 2 "$NST" info paint.nsw loss.nsw
status 2 "$NST" info --jsn paint.nsw
says err "did you mean --json?"
[ -w /dev/full ] && { "$NST" info paint.nsw >/dev/full 2>/dev/null && wrong "a full disk is not told"; }

finish
