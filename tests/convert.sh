#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst convert against the programs that the files come from: PyTorch computes every network with the same weights, and what
# comes out must be the same, pictures within one 8-bit level and features within 1e-4.
. "$(dirname "$0")/tools/cli_common.sh"

python=/usr/bin/python3
if ! $python -c 'import torch, numpy' 2>/dev/null; then
    echo "skipped: $python has no torch (Debian: python3-torch)"
    exit 77
fi
has() { $python -c "import $1" 2>/dev/null; }

make_case() {
    $python "$SRCDIR/tests/convert/make.py" "$1" . || { wrong "$1 could not be made"; return 1; }
}

# compares NAME.nsw with NAME.ppm
paints_alike() {
    status 0 "$NST" apply -s "./$1.nsw" picture.ppm "$1.painted.ppm"
    $python "$SRCDIR/tests/convert/compare.py" "${2:-$1}.ppm" "$1.painted.ppm" || wrong "$1 is painted otherwise"
}

# style CASE END [OPTION...]
style() {
    local case=$1 end=$2
    shift 2
    echo "-- $case$end"
    make_case "$case" || return
    status 0 "$NST" convert "$@" "$case$end" "$case.nsw"
    paints_alike "$case"
}

# vgg CASE END [OPTION...]
vgg() {
    local case=$1 end=$2
    shift 2
    echo "-- $case$end"
    make_case "$case" || return
    status 0 "$NST" convert --pad zero "$@" "$case$end" "$case.nsw"
    "$tools/features" "$case.nsw" "$case.features.safetensors" || wrong "$case sees something else"
    rm -f "$case$end" "$case.nsw"
}

style pytorch .pth
style pytorch_legacy .pth
style safetensors_style .safetensors
style tensorflow .npz
vgg torchvision .pth
vgg torchvision_norm .pth
vgg timm .safetensors
if has h5py; then
    vgg keras .h5
    vgg keras_top .h5
else
    echo "left out: Keras' files, as $python has no h5py (Debian: python3-h5py)"
fi

status 0 "$NST" info pytorch.nsw
says out "converted from: pytorch.pth"
says out "network: fast_neural_style (pytorch/examples)"
says out "input       0 to 255, rgb"
status 0 "$NST" convert --name Mosaic --author "A. Painter" --licence CC0-1.0 pytorch.pth named.nsw
status 0 "$NST" info named.nsw
says out "name        Mosaic"
says out "licence     CC0-1.0"

finish
