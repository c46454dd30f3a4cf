#!/bin/sh
# fetch.sh DIR [SOURCE...]: real, freely licensed data for training and evaluation, as manifests under DIR (about 2.5 GB while it works).
# Needs: a Debian or Ubuntu with apt-get and dpkg-deb (no root: packages are downloaded and unpacked, not installed), python3, a C compiler and the
# command built (`make`); for instruments ffmpeg, too.  Where the .deb files lie in DIR/deb already, nothing is downloaded.
# Sources, in this order; all of them when none is named:
#   emoji clipart furniture sounds fashion         for training
#   wordnet                                        for training the text tower: words and what they are
#   stamps instruments                             for evaluation only: copyleft, never trained on, not to be passed on
set -eu
all="wordnet emoji stamps clipart furniture sounds fashion instruments"
case ${1:-} in ''|-*) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2;; esac
dir=$1; shift
here=$(cd "$(dirname "$0")" && pwd)
for s in "$@"; do case " $all " in *" $s "*) ;; *) echo "fetch.sh: no source $s; one of: $all" >&2; exit 2;; esac; done
need() { command -v "$1" >/dev/null || { echo "fetch.sh: $1 is missing ($2)" >&2; exit 1; }; }
need python3 "the scripts are Python"; need dpkg-deb "packages are unpacked with it"
mkdir -p "$dir/deb" "$dir/packages"
dir=$(cd "$dir" && pwd)
lb=${LANGUAGEBIND:-$here/../../build/languagebind}
prepare=$dir/prepare
[ "$prepare" -nt "$here/prepare.c" ] || ${CC:-cc} -O2 -I"$here/../.." "$here/prepare.c" -o "$prepare" -lm
packages() {                # unpacks each package once
    for p in "$@"; do
        [ -d "$dir/packages/$p" ] && continue
        ls "$dir/deb/${p}_"*.deb >/dev/null 2>&1 || { need apt-get "it downloads $p"; (cd "$dir/deb" && apt-get -o APT::Sandbox::User=root download "$p" >/dev/null) || { echo "fetch.sh: $p cannot be downloaded" >&2; exit 1; }; }
        rm -rf "$dir/packages/$p.part"; dpkg-deb -x "$dir/deb/${p}_"*.deb "$dir/packages/$p.part"; mv "$dir/packages/$p.part" "$dir/packages/$p"
    done
}
for s in ${*:-$all}; do
    case $s in
        wordnet)     packages wordnet-base; python3 "$here/wordnet.py" "$dir/packages" "$dir";;
        emoji)       packages fonts-noto-color-emoji unicode-cldr-core unicode-data; python3 "$here/emoji.py" "$dir/packages" "$dir" "$prepare";;
        clipart)     packages openclipart-png openclipart-svg; python3 "$here/clipart.py" "$dir/packages" "$dir" "$prepare";;
        furniture)   packages sweethome3d-furniture; python3 "$here/furniture.py" "$dir/packages" "$dir" "$lb";;
        sounds)      packages fluid-soundfont-gm sonic-pi-samples; python3 "$here/sounds.py" "$dir/packages" "$dir" "$prepare";;
        fashion)     packages dataset-fashion-mnist; python3 "$here/fashion.py" "$dir/packages" "$dir";;
        stamps)      packages tuxpaint-stamps-default qabcs-data; python3 "$here/stamps.py" "$dir/packages" "$dir" "$prepare";;
        instruments) packages gcompris-qt-data qabcs-data tuxpaint-stamps-default; python3 "$here/instruments.py" "$dir/packages" "$dir" "$prepare";;
    esac
done
