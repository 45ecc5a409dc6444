#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# libavfilter_patch/apply on the files that it touches, and what the fetching of FFmpeg refuses.
set -u

version=${FFMPEG_VERSION:-7.1}
source=$BUILDDIR/ffmpeg-source-$version
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
changed="Changelog Makefile configure doc/filters.texi libavfilter/Makefile libavfilter/allfilters.c libavfilter/version.h
    tests/fate/filter-video.mak"
for file in RELEASE libavfilter/version_major.h $changed; do
    mkdir -p "tree/$(dirname $file)"
    cp "$source/$file" tree/$file
done
mkdir -p tree/tests/ref/fate
"$apply" --undo tree || fail "undo of a tree without vf_nst.c"
cp -r tree plain
"$apply" tree || fail "apply"
diff -rq plain tree | sort >changed
{
    for file in $changed; do echo "Files plain/$file and tree/$file differ"; done
    for file in libavfilter/vf_nst.c libavfilter/vf_nst_compat.h tests/nst_style.c tests/ref/fate/filter-nst-exact \
        tests/ref/fate/filter-nst-psnr; do
        echo "Only in tree/$(dirname $file): $(basename $file)"
    done
} | sort >expected
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
major=$(sed -n 's/^#define LIBAVFILTER_VERSION_MAJOR *//p' plain/libavfilter/version_major.h)
known="there are patches for: 5.1 (libavfilter 8), 7.1 (libavfilter 10), 8.1 (libavfilter 11), 9.0 (libavfilter 12)\$"
echo 6.0.1 >tree/RELEASE
refused "tree: FFmpeg 6.0.1 with libavfilter $major: no patch for it; $known" "$apply" tree
echo N-12345-gabcdef >tree/RELEASE
refused "tree: FFmpeg N-12345-gabcdef with libavfilter $major: no patch for it; $known" "$apply" tree
rm tree/RELEASE
refused "tree: FFmpeg of an unknown release with libavfilter $major: no patch for it; $known" "$apply" tree
cp plain/RELEASE tree/VERSION
"$apply" tree || fail "a tree with VERSION alone"
"$apply" --undo tree || fail "a tree with VERSION alone"
rm tree/VERSION
cp plain/RELEASE tree/RELEASE
sed -i 's/\(VERSION_MAJOR *\).*/\1 9/' tree/libavfilter/version_major.h
refused "with libavfilter 9: these do not belong together; $known" "$apply" tree
cp plain/libavfilter/version_major.h tree/libavfilter/version_major.h
diff -r plain tree || fail "a tree that was refused was changed"
sed -i '/libmysofa/d' tree/configure
refused "does not apply" "$apply" tree
[ ! -e tree/libavfilter/vf_nst.c ] || fail "a tree that the patch does not apply to was changed"
refused "FFMPEG_VERSION=6.0: no patch for it; there are patches for: .*7.1" "$SRCDIR/scripts/build-ffmpeg" "$BUILDDIR" 6.0
refused "not an FFmpeg source tree" "$SRCDIR/scripts/build-ffmpeg" "$BUILDDIR" $version /

echo "-- the manual in the patch is the one beside the filter"
sed -n 's/^+//p' "$SRCDIR/libavfilter_patch/$version.patch" >added
awk -v n="$(wc -l <"$SRCDIR/vf_nst/nst.texi")" '/^@section nst$/ { on = 1 } on && n-- > 0' added >added.texi
cmp added.texi "$SRCDIR/vf_nst/nst.texi" || fail "nst.texi is another: libavfilter_patch/update"

echo "-- a tarball of another content is not taken"
mkdir stubs
printf '#!/bin/sh\nexit 100\n' >stubs/apt-get
printf '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho other >"$2"\n' >stubs/curl
chmod +x stubs/*
PATH=$work/stubs:$PATH refused "give one: make FFMPEG_SRC" "$SRCDIR/scripts/fetch-ffmpeg" "$work/fetched" $version
[ ! -e fetched ] && [ ! -e fetched.fetch ] || fail "something of it was left behind"

if [ $failures != 0 ]; then
    echo "$failures failures"
    exit 1
fi
echo "all as expected"
