#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst bench: what it prints, not how fast anything is.
. "$(dirname "$0")/tools/cli_common.sh"

"$tools/make_style" paint paint.nsw

# paint.nsw at 32x16: 12 * 9 * 16 on a plane of 8x4, 16 * 9 * 3 on one of 32x16: 276480 multiply-adds
status 0 "$NST" bench paint.nsw --size 32x16 --size 8x8 --runs 1 --json
for text in '"width":	32' '"height":	16' '"width":	8' '"threads":	1' '"gflop":	0.00055296' '"ms":' '"machine_gflops":'; do
    says out "$text"
done
if grep -q layers out; then wrong "layers without --explain"; fi

status 0 "$NST" bench paint.nsw --size 32x16 --runs 2 --explain --threads 2 --cpu scalar
says out "32x16, 2 threads, scalar"
for text in "down  .* im2col" "norm  .* applied by out" "relu  .* loaded by out" "up  .* loaded by out" \
    "out  .* direct rows" "half  .* with out" "unshuffle  .* own pass"; do
    grep -q -- "$text" out || wrong "\"$text\" expected in the explanation: $(cat out)"
done

# the network that is measured can be measured elsewhere, and is the same each time
status 0 "$NST" bench --arch johnson --size 16x16 --runs 1 --save johnson.nsw
says out "johnson 16x16"
status 0 "$NST" bench --arch johnson --size 16x16 --runs 1 --save again.nsw
same johnson.nsw again.nsw "--save"
status 0 "$NST" bench johnson.nsw --size 16x16 --runs 1
says out "johnson 16x16"

refused "--size 16: WIDTHxHEIGHT expected" "$NST" bench --size 16
refused "--size 16x16x16: WIDTHxHEIGHT expected" "$NST" bench --size 16x16x16
refused "--size 0x16: WIDTHxHEIGHT expected" "$NST" bench --size 0x16
refused "unshuffle" "$NST" bench --size 17x16
refused "absent.nsw: No such file" "$NST" bench absent.nsw
misused "--cpu: instruction set \"mmx\"" "$NST" bench --cpu mmx
misused "--runs 0: a whole number from 1 to 10000 expected" "$NST" bench --runs 0

finish
