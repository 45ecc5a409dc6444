#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# libavfilter_patch/apply on the files that it touches, and what the fetching of FFmpeg refuses.
set -u

source=$BUILDDIR/ffmpeg-source-7.1
if [ ! -d "$source" ]; then
    echo "no $source: make ffmpeg"
    exit 77
fi
apply=$SRCDIR/libavfilter_patch/apply
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

refused() { # pattern that the message has to match, command...
    local pattern=$1
    shift
    ! "$@" >log 2>&1 || fail "not refused: $*"
    grep -q -- "$pattern" log || fail "$*: the message does not say '$pattern': $(cat log)"
}

echo "-- twice is once, and undoing leaves nothing behind"
mkdir -p tree/libavfilter tree/doc
for file in RELEASE configure libavfilter/allfilters.c libavfilter/Makefile doc/filters.texi; do cp "$source/$file" tree/$file; done
"$apply" --undo tree || fail "undo of a tree without vf_nst.c"
cp -r tree plain
"$apply" tree || fail "apply"
diff -rq plain tree | sort >changed
cat >expected <<'END'
Files plain/configure and tree/configure differ
Files plain/doc/filters.texi and tree/doc/filters.texi differ
Files plain/libavfilter/Makefile and tree/libavfilter/Makefile differ
Files plain/libavfilter/allfilters.c and tree/libavfilter/allfilters.c differ
Only in tree/libavfilter: vf_nst.c
END
diff expected changed || fail "other files than expected were changed"
cmp -s tree/libavfilter/vf_nst.c "$SRCDIR/vf_nst/vf_nst.c" || fail "vf_nst.c is another"
cp -r tree once
"$apply" tree || fail "apply again"
diff -r once tree || fail "applying again changed something"
"$apply" --undo tree || fail "undo"
"$apply" --undo tree || fail "undo again"
diff -r plain tree || fail "undoing left something behind"

echo "-- what is refused"
refused "not an FFmpeg source tree" "$apply" /nonexistent
refused usage "$apply"
echo 6.0.1 >tree/RELEASE
refused "FFmpeg 6.0.1: no patch for it; there are patches for: .*7.1" "$apply" tree
cp plain/RELEASE tree/RELEASE
sed -i '/libmysofa/d' tree/configure
refused "does not apply" "$apply" tree
[ ! -e tree/libavfilter/vf_nst.c ] || fail "a tree that the patch does not apply to was changed"
refused "FFMPEG_VERSION=6.0: no patch for it; there are patches for: .*7.1" "$SRCDIR/scripts/build-ffmpeg" "$BUILDDIR" 6.0
refused "not an FFmpeg source tree" "$SRCDIR/scripts/build-ffmpeg" "$BUILDDIR" 7.1 /

echo "-- a tarball of another content is not taken"
mkdir stubs
printf '#!/bin/sh\nexit 100\n' >stubs/apt-get
printf '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho other >"$2"\n' >stubs/curl
chmod +x stubs/*
PATH=$work/stubs:$PATH refused "give one: make FFMPEG_SRC" "$SRCDIR/scripts/fetch-ffmpeg" "$work/fetched" 7.1
[ ! -e fetched ] && [ ! -e fetched.fetch ] || fail "something of it was left behind"

if [ $failures != 0 ]; then
    echo "$failures failures"
    exit 1
fi
echo "all as expected"
