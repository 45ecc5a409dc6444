# SPDX-License-Identifier: LGPL-2.1-or-later
# Read by the scripts here.
fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

absolute() { echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; }

# A word that a shell reads back as it was.
word() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }
