#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The public headers: each compiles by itself, as C and as C++; the library exports what they declare and nothing else.
set -u

cc=$(sed -n 's/^CC *= *//p' "$BUILDDIR/config.mk")
cc=${cc:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
wrong() { echo "WRONG: $*"; failures=$((failures + 1)); }

for header in "$SRCDIR"/include/nst/*.h; do
    echo "#include <nst/$(basename "$header")>" | tee "$work/one.c" >"$work/one.cpp"
    $cc -std=c11 -pedantic -Wall -Wextra -Werror -I"$SRCDIR/include" -fsyntax-only "$work/one.c" ||
        wrong "$header as C11"
    $cc -x c++ -std=c++11 -pedantic -Wall -Wextra -Werror -I"$SRCDIR/include" -fsyntax-only "$work/one.cpp" ||
        wrong "$header as C++11"
done

grep -hoE 'NST_API [^(]*\(' "$SRCDIR"/include/nst/*.h |
    grep -oE 'nst_[a-z0-9_]+\($' | tr -d '(' | sort >"$work/declared"
[ "$(wc -l <"$work/declared")" -gt 20 ] || wrong "few functions found in the headers"
library=$BUILDDIR/lib/libnst.so
if [ -e "$library" ]; then
    nm -D --defined-only "$library" | awk '$2 ~ /[TDBRV]/ { print $3 }' | grep -v '^_' | sort >"$work/exported"
    diff "$work/declared" "$work/exported" || wrong "< declared only, > exported only"
else
    echo "no shared library in this build: its symbols are not looked at"
fi

echo "$failures wrong"
exit $((failures > 0))
