#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The frei0r plugin in programs that know nothing of this project, Debian's ffmpeg and melt: its pictures are those of
# the filter nst in the built ffmpeg.
set -u

plugin=$BUILDDIR/frei0r/nst.so
compare=$BUILDDIR/tests/tools/compare_raw
if [ ! -f "$plugin" ]; then
    echo "no $plugin: it needs frei0r.h (Debian: frei0r-plugins-dev)"
    exit 77
fi
for program in "$FFMPEG" "$BUILDDIR/tests/tools/make_style" "$compare"; do
    if [ ! -x "$program" ]; then
        echo "no $program: make ffmpeg test-programs"
        exit 77
    fi
done
stock=/usr/bin/ffmpeg
if ! "$stock" -v error -filters 2>/dev/null | grep -q ' frei0r '; then
    echo "no $stock with the filter frei0r (Debian: ffmpeg)"
    exit 77
fi
if ! command -v melt >/dev/null; then
    echo "no melt (Debian: melt)"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
for kind in paint invert; do
    "$BUILDDIR/tests/tools/make_style" $kind $kind.nsw || exit 1
done
export FREI0R_PATH=$BUILDDIR/frei0r NST_PATH=$work
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

ff() { "$FFMPEG" -v error -nostdin -y "$@"; }

agree() { # what, file, file, and one that both must not be
    difference=$("$compare" 8 "$2" "$3") || fail "$1: cannot be compared"
    [ "${difference%.*}" -le 1 ] || fail "$1: $difference levels away from the filter"
    ! cmp -s "$2" "$4" || fail "$1: nothing was painted"
}

echo "-- only frei0r's functions are seen from outside"
nm -D --defined-only "$plugin" | awk '{ print $3 }' | sort >symbols
printf 'f0r_%s\n' construct deinit destruct get_param_info get_param_value get_plugin_info init set_param_value update \
    >expected
cmp -s symbols expected || fail "symbols: $(diff symbols expected)"

echo "-- Kdenlive's description has the styles that ship, and the plugin's parameters"
xml=$BUILDDIR/frei0r/frei0r_nst.xml
listed() { sed -n 's/.*name="style".*paramlist="\([^"]*\)".*/\1/p' "$xml" | tr ';' '\n'; }
for file in "$SRCDIR"/weights/*.nsw; do
    style=$(basename "$file" .nsw)
    kind=$("$NST" info "$file" | sed -n 's/^kind *//p')
    if [ "$kind" = "$(listed | grep -qx "$style" && echo loss || echo style)" ]; then
        fail "$xml: $style is of kind $kind"
    fi
done
listed | grep -qx starry || fail "$xml: no starry"
melt -silent -query filter=frei0r.nst >query 2>/dev/null
for name in $(sed -n 's/.*<parameter.* name="\([^"]*\)".*/\1/p' "$xml"); do
    grep -q "title: $name\$" query || fail "$xml: the plugin has no $name"
done

clip() { # size, format: a clip in that format, which both programs read
    ff -f lavfi -i "testsrc2=size=640x360:rate=5,format=$2,scale=$1:flags=neighbor" -frames:v 4 -f rawvideo in.raw ||
        fail "clip $1"
}

in_ffmpeg() { # program, size, format, filters, output
    "$1" -v error -nostdin -y -f rawvideo -s "${2/:/x}" -pix_fmt "$3" -r 5 -i in.raw -vf "$4" -pix_fmt "$3" \
        -f rawvideo "$5"
}

echo "-- in Debian's ffmpeg, at every size"
for size in 2:3 17:31 33:20 161:91 322:184 320:180; do
    for format in rgba rgb24; do
        clip $size $format
        in_ffmpeg "$stock" $size $format format=rgba,frei0r=nst:paint plugin.raw || fail "frei0r $size"
        in_ffmpeg "$FFMPEG" $size $format nst=paint filter.raw || fail "filter $size"
        agree "$size $format" plugin.raw filter.raw in.raw
    done
done

echo "-- its parameters mean what the filter's options mean"
clip 161:91 rgb24
options() { # parameters, options
    in_ffmpeg "$stock" 161:91 rgb24 "format=rgba,frei0r=nst:$1" plugin.raw || fail "frei0r=nst:$1"
    in_ffmpeg "$FFMPEG" 161:91 rgb24 "nst=$2" filter.raw || fail "nst=$2"
    agree "$1" plugin.raw filter.raw in.raw
}
options 'paint|0.3' paint:0.3
options 'paint|1|0|content' paint:temporal=0:color=content
options 'paint|1|0|match' paint:temporal=0:color=match
options 'paint|1|0|style|0.5' paint:temporal=0:size=0.5
options "'paint\\\\|invert|0.9|0|style|0|3\\\\|1'" "style=paint|invert:strength=0.9:temporal=0:mix=3|1"
if in_ffmpeg "$FFMPEG" 161:91 rgb24 nst=paint:temporal=0.5 filter.raw 2>log; then
    options 'paint|1|0.5' paint:temporal=0.5
elif ! grep -q 'not built yet' log; then
    fail "temporal: $(cat log)"
fi

echo "-- a style that is not there leaves the picture as it was, and is named once"
in_ffmpeg "$stock" 161:91 rgb24 format=rgba,frei0r=nst:nowhere plugin.raw 2>log || fail "a missing style ends ffmpeg"
cmp -s plugin.raw in.raw || fail "a missing style changes the picture"
[ "$(grep -c nowhere log)" = 1 ] && [ "$(wc -l <log)" = 1 ] || fail "one message expected: $(cat log)"

echo "-- in melt"
cat >profile <<'PROFILE'
description=odd
frame_rate_num=5
frame_rate_den=1
width=161
height=91
progressive=1
sample_aspect_num=1
sample_aspect_den=1
display_aspect_num=161
display_aspect_den=91
colorspace=601
PROFILE
ff -f lavfi -i "testsrc2=size=640x360:rate=5,scale=161:91,format=bgr24" -frames:v 4 -c:v ffv1 clip.mkv ||
    fail "clip for melt"
in_melt() { # output, filter...
    output=$1
    shift
    # no display and no sound are wanted
    QT_QPA_PLATFORM=offscreen melt -silent -profile "$work/profile" clip.mkv out=3 "$@" -consumer avformat:"$output" \
        f=rawvideo vcodec=rawvideo pix_fmt=rgba mlt_image_format=rgba real_time=-1 an=1 >log 2>&1 ||
        fail "melt: $(cat log)"
}
in_melt in.raw
[ "$(stat -c %s in.raw)" = $((161 * 91 * 4 * 4)) ] ||
    fail "melt: 4 pictures of 161x91 expected, $(stat -c %s in.raw) bytes found"
in_melt plugin.raw -filter frei0r.nst style=paint strength=0.8
in_ffmpeg "$FFMPEG" 161:91 rgba nst=paint:0.8 filter.raw
agree "melt" plugin.raw filter.raw in.raw
in_melt plugin.raw -filter frei0r.nst style=nowhere
cmp -s plugin.raw in.raw || fail "melt: a missing style changes the picture"
[ "$(grep -c nowhere log)" = 1 ] || fail "melt: one message expected: $(cat log)"

if [ $failures != 0 ]; then
    echo "$failures failures"
    exit 1
fi
echo "all as expected"
