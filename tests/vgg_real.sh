#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The real VGG-19 networks, which are not in this repository: features of crops of a photo against PyTorch.
set -eu

[ -x "$NST" ] || { echo "skipped: this build has no nst program"; exit 77; }
data=$SRCDIR/../shared/data
if [ ! -d "$data/vgg" ]; then
    echo "skipped: no VGG weights in $data/vgg"
    exit 77
fi
if ! /usr/bin/python3 -c 'import torch, PIL' 2>/dev/null; then
    echo "skipped: /usr/bin/python3 has no torch or no PIL (Debian: python3-torch, python3-pil)"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
photo=$(find "$data/photos" -name '*.jpg' | sort | head -n 1)

# check NAME POOLS SEED...
check()
{
    vgg=$data/vgg/$1.safetensors pools=$2
    shift 2
    "$NST" convert $([ $pools = floor ] || echo --ceil) "$vgg" "$work/loss.nsw"
    for seed; do
        /usr/bin/python3 "$SRCDIR/tests/vgg_real.py" "$vgg" "$photo" $seed $pools "$work/features.safetensors"
        "$BUILDDIR/tests/tools/features" "$work/loss.nsw" "$work/features.safetensors"
    done
}

check vgg19-normalised-conv3_1 ceil 1 2 3
check vgg19-16x-conv5_1 floor 1 2
