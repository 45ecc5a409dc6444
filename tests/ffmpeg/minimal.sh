#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The filter alone: FFmpeg configured with nothing but it compiles, links, and knows its options.
set -eu

minimal=$FFMPEG_OBJECTS/minimal
source=$BUILDDIR/ffmpeg-source-$FFMPEG_VERSION
unset MAKEFLAGS MFLAGS
mkdir -p "$minimal"
cd "$minimal"
if [ ! -f config.h ]; then
    PKG_CONFIG_PATH=$FFMPEG_OBJECTS/pkgconfig "$source/configure" --disable-everything --enable-filter=nst --enable-libnst \
        --disable-autodetect --disable-doc --disable-x86asm --optflags=-O1 >configure.log 2>&1 || { tail -n 5 configure.log; exit 1; }
fi
make -j2 ffmpeg >make.log 2>&1 || { tail -n 20 make.log; exit 1; }
./ffmpeg -v error -h filter=nst >help
grep -q "Paint video in the style of a picture" help
grep -q "^ *strength " help
# the program itself brings a few filters along, such as format
./ffmpeg -v error -filters >filters
grep -Eq "^ TSC? nst " filters # 5.1 has a column for commands
! grep -q "testsrc" filters || { echo "not a minimal configuration:"; cat filters; exit 1; }
echo "all as expected"
