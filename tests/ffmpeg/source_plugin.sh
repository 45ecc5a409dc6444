#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# scripts/source-plugin: FFmpeg's own tool merges the branch into a repository of the release, and the result is the patched
# tree.
set -u

source=$BUILDDIR/ffmpeg-source-$FFMPEG_VERSION
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# Only what differs counts: the files that the patch touches, and a few that it does not.
mkdir plain
(cd "$source" && tar -cf - --exclude=./.nst-origin --exclude=./.nst-patch RELEASE Changelog Makefile configure doc/filters.texi \
    libavfilter tests/fate tests/Makefile tests/rotozoom.c tools/merge-all-source-plugins 2>/dev/null) | tar -C plain -xf -
if [ ! -f plain/tools/merge-all-source-plugins ]; then
    "$SRCDIR/scripts/source-plugin" "$source" repository 2>&1 | grep -q "not the source of FFmpeg 8.1 or later" ||
        { echo "FAILED: FFmpeg $FFMPEG_VERSION was not refused"; exit 1; }
    echo "FFmpeg $FFMPEG_VERSION has no source plugins, and is refused"
    exit 0
fi
"$SRCDIR/libavfilter_patch/apply" --undo plain || exit 1
"$SRCDIR/scripts/source-plugin" plain repository || exit 1
branch=sourceplugin-nst-$FFMPEG_VERSION
[ "$(git -C repository branch --show-current)" = $branch ] || { echo "FAILED: no branch $branch"; exit 1; }

merged() { # repository to merge into, name of the plugin's repository
    (
        cd "$1" || exit 1
        git config user.name tester
        git config user.email tester@localhost
        sed -i "s/^#version=.*/version=$FFMPEG_VERSION/" tools/merge-all-source-plugins
        echo "a change of one's own" >>Changelog
        git commit -q -a -m "a commit of one's own"
        printf '# plugins\n%s nst\n' "$2" >../plugins.txt
        tools/merge-all-source-plugins ../plugins.txt >../log 2>&1
        grep -q "^Succeeded merging: nst" ../log && ! grep -q "^Failed" ../log || { echo FAILED; cat ../log; exit 1; }
    ) || exit 1
}

echo "-- into a clone of the release"
git clone -q -b main repository mine
merged mine "$work/repository"
cp -a plain patched
"$SRCDIR/libavfilter_patch/apply" patched
echo "a change of one's own" >>patched/Changelog
sed -i "s/^#version=.*/version=$FFMPEG_VERSION/" patched/tools/merge-all-source-plugins
diff -r -x .git patched mine || { echo "FAILED: the merged tree is not the patched one"; exit 1; }

echo "-- from a clone of FFmpeg's repository"
git clone -q -b main repository upstream
"$SRCDIR/scripts/source-plugin" upstream again || exit 1
git -C upstream branch -D -q $branch 2>/dev/null
merged upstream "$work/again"
diff -r -x .git patched upstream || { echo "FAILED: the merged tree is not the patched one"; exit 1; }

echo "-- what is refused"
"$SRCDIR/scripts/source-plugin" plain repository 2>&1 | grep -q "is there already" || { echo "FAILED: overwritten"; exit 1; }
echo "all as expected"
