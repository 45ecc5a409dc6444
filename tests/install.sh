#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# make install: a program that knows of nothing but the installed files compiles by pkg-config, as C and C++, shared and
# static, and runs.
set -u

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset MAKEFLAGS MFLAGS PKG_CONFIG_PATH NST_PATH
setting() { sed -n "s/^$1 = *//p" "$BUILDDIR/config.mk"; }
CC=$(setting CC)
if ! command -v g++ >/dev/null || ! command -v pkg-config >/dev/null; then
    echo "no g++ or no pkg-config"
    exit 77
fi
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# The prefix is compiled in, as the place of the styles; a copy leaves the build folder's own library as it is.
mkdir "$work/build"
for item in config.mk config.h datadir obj lib bin; do cp -a "$BUILDDIR/$item" "$work/build"; done
root=$work/root
if ! make -C "$SRCDIR" BUILD="$work/build" install DESTDIR="$root" prefix=/opt/nst >"$work/log" 2>&1; then
    cat "$work/log"
    exit 1
fi

echo "-- what is installed"
cd "$root/opt/nst" || exit 1
for file in lib/libnst.a lib/libnst.so lib/pkgconfig/nst.pc $(cd "$SRCDIR" && ls include/nst/*.h) \
    $([ "$(setting WITH_TOOLS)" != yes ] || echo bin/nst) \
    $([ -z "$(setting WITH_FREI0R)" ] || echo lib/frei0r-1/nst.so share/kdenlive/effects/frei0r_nst.xml) \
    $(cd "$SRCDIR" && ls weights/*.nsw 2>/dev/null | sed 's|^weights|share/nst|') \
    $(cd "$SRCDIR" && ls doc/*.1 2>/dev/null | sed 's|^doc|share/man/man1|'); do
    [ -s "$file" ] || fail "$file is not installed"
done
[ "$(cd "$root" && find . -type f -o -type l | grep -vc '^./opt/nst/')" = 0 ] || fail "something lies outside the prefix"
readelf -d lib/libnst.so >"$work/dynamic"
grep -q "SONAME.*libnst.so.$(setting VERSION | cut -d. -f1)\]" "$work/dynamic" || fail "no soname"
if grep NEEDED "$work/dynamic" | grep -vE 'libcjson|libgomp|libomp|libm\.|libc\.|ld-linux'; then
    fail "libnst.so needs the above too"
fi
if [ -x bin/nst ] && [ "$(bin/nst --version | tr -dc '0-9.')" != "$(setting VERSION)" ]; then fail "nst --version"; fi

echo "-- no name but nst_* in the archive, which would meet another program's"
names=$(nm -g --defined-only lib/libnst.a | awk 'NF == 3 && $3 !~ /^nst_/ { print $3 }')
[ -z "$names" ] || fail "libnst.a defines $(echo "$names" | head -n 10 | tr '\n' ' ')"
nm -g --defined-only lib/libnst.a | grep -q nst_stylizer_open || fail "libnst.a does not define nst_stylizer_open"

echo "-- a program compiles by pkg-config and runs"
cat >"$work/use.c" <<'END'
#include <nst/nst.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    NstError err;
    char *path = NULL;
    printf("%s\n", nst_version());
    if (nst_style_find("no-such-style", &path, &err) != NST_ENOTFOUND)
        return 1;
    printf("%s\n", err.message);
    free(path);
    return 0;
}
END
PKG_CONFIG_PATH=$root/opt/nst/lib/pkgconfig
PKG_CONFIG_SYSROOT_DIR=$root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
check_program() { # what; runs $work/use
    LD_LIBRARY_PATH=$root/opt/nst/lib "$work/use" >"$work/said" || fail "$1: does not run"
    [ "$(sed -n 1p "$work/said")" = "$(setting VERSION)" ] || fail "$1: version $(sed -n 1p "$work/said")"
    grep -q '/opt/nst/share/nst' "$work/said" || fail "$1: styles are not looked for in the prefix: $(cat "$work/said")"
}
[ "$(pkg-config --modversion nst)" = "$(setting VERSION)" ] || fail "nst.pc: version $(pkg-config --modversion nst)"
$CC $(pkg-config --cflags nst) -o "$work/use" "$work/use.c" $(pkg-config --libs nst) && check_program shared || fail shared
g++ $(pkg-config --cflags nst) -x c++ -o "$work/use" "$work/use.c" -x none $(pkg-config --libs nst) && check_program C++ || fail C++
mkdir "$work/static" && cp lib/libnst.a "$work/static" # without the shared library beside it, the linker takes this one
$CC $(pkg-config --static --cflags nst) -o "$work/use" "$work/use.c" -L"$work/static" $(pkg-config --static --libs nst) &&
    check_program static || fail static
if readelf -d "$work/use" | grep -q libnst; then fail "static: libnst.so is needed all the same"; fi

if [ $failures != 0 ]; then
    echo "$failures failures"
    exit 1
fi
echo "all as expected"
