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

# Python takes seconds to begin: all are made at once.
cases="pytorch pytorch_legacy safetensors_style tensorflow tensorflow_raw t7_instance_norm t7_batch_norm onnx_8 onnx_9 onnx_11 onnx_13"
cases="$cases torchvision torchvision_norm timm"
if has h5py; then cases="$cases keras keras_top"; fi
$python -W ignore "$SRCDIR/tests/convert/make.py" . $cases || { wrong "the networks could not be made"; finish; }

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
    status 0 "$NST" convert "$@" "$case$end" "$case.nsw"
    paints_alike "$case"
}

# vgg CASE END [OPTION...]
vgg() {
    local case=$1 end=$2
    shift 2
    echo "-- $case$end"
    status 0 "$NST" convert --pad zero "$@" "$case$end" "$case.nsw"
    "$tools/features" "$case.nsw" "$case.features.safetensors" || wrong "$case sees something else"
    rm -f "$case$end" "$case.nsw"
}

style pytorch .pth
style pytorch_legacy .pth
style safetensors_style .safetensors
style tensorflow .npz
style tensorflow_raw ""
cp tensorflow_raw.nsw by_folder.nsw
style tensorflow_raw /manifest.json
same by_folder.nsw tensorflow_raw.nsw "a folder by its manifest"
style t7_instance_norm .t7
style t7_batch_norm .t7
for case in onnx_8 onnx_9 onnx_11 onnx_13; do
    style $case .onnx
done
vgg torchvision .pth
vgg torchvision_norm .pth
vgg timm .safetensors
if has h5py; then
    vgg keras .h5
    vgg keras_top .h5
else
    echo "left out: Keras' files, as $python has no h5py (Debian: python3-h5py)"
fi

# in_onnxruntime NETWORK.onnx RANGE EXPECTED
in_onnxruntime() {
    NODE_PATH=$runtime node "$SRCDIR/tests/convert/run_onnx.js" "$1" "$2" picture.ppm "$1.ppm" || wrong "$1 does not run"
    $python "$SRCDIR/tests/convert/compare.py" "$3.ppm" "$1.ppm" || wrong "$1 is painted otherwise"
}

echo "-- to ONNX and back"
for name in starry wave; do
    status 0 "$NST" apply -s "$SRCDIR/weights/$name.nsw" picture.ppm $name.ppm
    status 0 "$NST" convert "$SRCDIR/weights/$name.nsw" $name.onnx
    status 0 "$NST" convert $name.onnx $name.nsw
    paints_alike $name
    for key in name author licence; do
        [ "$("$NST" info $name.nsw | grep "^$key ")" = "$("$NST" info "$SRCDIR/weights/$name.nsw" | grep "^$key ")" ] ||
            wrong "$name.onnx keeps another $key: $("$NST" info $name.nsw | grep "^$key ")"
    done
done
status 0 "$NST" convert --name Other --licence MIT starry.onnx other.nsw
status 0 "$NST" info other.nsw
says out "name        Other"
says out "licence     MIT"
status 0 "$NST" convert pytorch.pth again.safetensors
status 0 "$NST" convert again.safetensors again.nsw
same again.nsw pytorch.nsw "by way of safetensors"
status 0 "$NST" convert tensorflow.nsw tensorflow.onnx
status 0 "$NST" convert onnx_13.nsw onnx_13_again.onnx
refused "out.pth: a name that ends in .nsw, .onnx or .safetensors expected" "$NST" convert pytorch.pth out.pth

# builds in folders of their own use what is in the folder that they lie in
runtime=$(ls -d "$BUILDDIR"/peers/node_modules "$BUILDDIR"/../peers/node_modules 2>/dev/null | head -n 1)
if [ -z "$runtime" ] && "$SRCDIR/scripts/onnxruntime" "$BUILDDIR"; then
    runtime=$BUILDDIR/peers/node_modules
fi
if [ -n "$runtime" ] && command -v node >/dev/null; then
    echo "-- in ONNX Runtime"
    in_onnxruntime starry.onnx 1 starry
    in_onnxruntime wave.onnx 1 wave
    in_onnxruntime tensorflow.onnx 255 tensorflow
    in_onnxruntime onnx_13_again.onnx 255 onnx_13
else
    echo "left out: networks in ONNX Runtime"
fi

echo "-- files that do not fit"
$python -W ignore "$SRCDIR/tests/convert/make.py" . wrong_shape missing hostile bomb nested || wrong "no bad files made"
refused 'wrong_shape.pth: PyTorch: node "conv2" (conv2d): tensor "conv2.conv2d.weight": 64x32x3x3 expected, 64x31x3x3 found' \
    "$NST" convert wrong_shape.pth out.nsw
refused 'missing.pth: PyTorch: tensor "res3.in2.bias" expected, none found' "$NST" convert missing.pth out.nsw
refused '"posix.system" found, which would be run' "$NST" convert hostile.pth out.nsw
refused "(a zip bomb?)" "$NST" convert bomb.npz out.nsw
refused "nested.pth: PyTorch" "$NST" convert nested.pth out.nsw
head -c 100000 pytorch.pth >short.pth
refused "short.pth: " "$NST" convert short.pth out.nsw
head -c 100000 t7_instance_norm.t7 >short.t7
refused "short.t7: Torch7: as many elements as the storage says expected" "$NST" convert short.t7 out.nsw
head -c 100000 onnx_9.onnx >short.onnx
refused "short.onnx: ONNX: " "$NST" convert short.onnx out.nsw
mv tensorflow_raw/Variable_4 kept
head -c 100 kept >tensorflow_raw/Variable_4
refused 'tensorflow_raw: raw variables: manifest.json: variable "Variable_4": file Variable_4: 64 floats of 32 bits expected, 100 bytes found' \
    "$NST" convert tensorflow_raw/ out.nsw
rm tensorflow_raw/Variable_4
refused 'variable "Variable_4": tensorflow_raw/Variable_4: No such file' "$NST" convert tensorflow_raw out.nsw
ln -s ../kept tensorflow_raw/Variable_4
sed -i 's|"filename": "Variable_4"|"filename": "../kept"|' tensorflow_raw/manifest.json
refused 'filename: the name of a file beside the manifest expected, "../kept" found' "$NST" convert tensorflow_raw out.nsw
mkdir empty
refused "empty/manifest.json: No such file" "$NST" convert empty out.nsw
refused "a file of a kind that is known expected" "$NST" convert "$SRCDIR/README.md" out.nsw
[ ! -e out.nsw ] && [ ! -e pwned ] || wrong "a refused file left something"

status 0 "$NST" info pytorch.nsw
says out "converted from: pytorch.pth"
says out "network: fast_neural_style (pytorch/examples)"
says out "input       0 to 255, rgb"
status 0 "$NST" convert --name Mosaic --author "A. Painter" --licence CC0-1.0 pytorch.pth named.nsw
status 0 "$NST" info named.nsw
says out "name        Mosaic"
says out "licence     CC0-1.0"

finish
