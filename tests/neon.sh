#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The library on AArch64: built by a cross compiler with the sources of cJSON and cmocka, its kernels and layers tested
# under emulation. On AArch64 itself the ordinary tests do that.
set -eu

target=aarch64-linux-gnu
build=$BUILDDIR/neon
sources=$build/sources
tests='test_kernels test_motion_kernels test_flow test_rows test_gemm test_layers'

skip() {
    echo "$*"
    exit 77
}

[ "$(uname -m)" != aarch64 ] || skip "this machine is an AArch64"
for tool in $target-gcc:gcc-$target qemu-aarch64:qemu-user; do
    command -v "${tool%:*}" >/dev/null || skip "no ${tool%:*} (Debian: ${tool#*:})"
done
mkdir -p "$build"
echo 'int main(void) { return 0; }' >"$build/probe.c"
$target-gcc -o "$build/probe" "$build/probe.c" 2>/dev/null ||
    skip "$target-gcc links nothing (Debian: libc6-dev-arm64-cross)"

if [ ! -d "$sources" ]; then
    rm -rf "$sources.new"
    "$SRCDIR/scripts/fetch-debian" "$sources.new" bookworm cjson cmocka || skip "the sources cannot be had"
    mv "$sources.new" "$sources"
fi

# archive NAME PKG-CONFIG-NAME HEADERS SOURCE FLAG...
archive() {
    local name=$1 module=$2 headers=$3 source=$4
    shift 4
    $target-gcc -O2 -I"$headers" "$@" -c -o "$build/$name.o" "$source"
    $target-ar rcs "$build/lib$name.a" "$build/$name.o"
    printf 'Name: %s\nDescription: for %s\nVersion: 0\nCflags: -I%s\nLibs: -L%s -l%s\n' \
        "$name" "$target" "$headers" "$build" "$name" >"$build/$module.pc"
}

archive cjson libcjson "$sources/cjson" "$sources/cjson/cJSON.c"
archive cmocka cmocka "$sources/cmocka/include" "$sources/cmocka/src/cmocka.c" \
    -DHAVE_GCC_THREAD_LOCAL_STORAGE -DHAVE_MALLOC_H -DHAVE_SIGNAL_H -DHAVE_STRUCT_TIMESPEC

unset MAKEFLAGS MFLAGS
cd "$build"
PKG_CONFIG_LIBDIR=$build "$SRCDIR/configure" --cc=$target-gcc --enable-werror --disable-tools
make -j2 $(printf './tests/%s ' $tests)
for test in $tests; do
    echo "-- $test"
    (cd "$SRCDIR" && qemu-aarch64 -L /usr/$target "$build/tests/$test")
done
