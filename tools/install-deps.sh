#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what hbcore needs on Debian 12, and nothing that is there already.
#
#   tools/install-deps.sh run     to build it and to run it
#   tools/install-deps.sh test    that, and what the tests and checks need
#   tools/install-deps.sh full    that, and what only tools/test.sh --full uses
#   tools/install-deps.sh bench   the first, and the programs that bench/run.py compares with
set -euo pipefail

usage() {
    echo "usage: ${0##*/} run|test|full|bench" >&2
    exit 2
}

# "package", or "package=program" where a program of that name, wherever it came from, does as well.
run_set=(
    gcc g++ libc6-dev cmake ninja-build=ninja pkg-config=pkg-config
    libarchive-dev libsqlite3-dev libinih-dev libzstd-dev libdeflate-dev libisal-dev zlib1g-dev
    libjansson-dev libxxhash-dev nettle-dev sqlite3=sqlite3
    libcurl4-openssl-dev libexpat1-dev libsodium-dev
)
test_set=(
    git=git libcmocka-dev libseccomp-dev python3=python3 python3-jsonschema python3-pycparser clang-format=clang-format clang-tidy=clang-tidy
    cppcheck=cppcheck shellcheck=shellcheck strace=strace
    zip=zip unzip=unzip p7zip-full=7z libarchive-tools=bsdtar zstd=zstd tar=tar bzip2=bzip2 xz-utils=xz
    node-jszip node-yazl nodejs=node gccgo-12 libarchive-zip-perl lzip=lzip ncompress=compress lzop=lzop
    zsh=zsh fish=fish mandoc=mandoc libfaketime
    util-linux=unshare systemd=systemd-analyze cron=crontab
    swift-proxy swift-account swift-container swift-object memcached=memcached curl=curl s3cmd=s3cmd rclone=rclone openssl=openssl age=age
    redis-server=redis-server redis-tools=redis-cli
    acl=setfacl bindfs=bindfs exfatprogs exfat-fuse ntfs-3g=ntfs-3g xfsprogs btrfs-progs dosfstools e2fsprogs=chattr
)
full_set=(chromium=chromium)
bench_set=(
    python3=python3 zip=zip unzip=unzip p7zip-full=7z libarchive-tools=bsdtar tar=tar zstd=zstd
    pigz=pigz restic=restic borgbackup=borg libeatmydata1 valgrind=valgrind
)

is_there() {
    local package=${1%%=*} program=
    case $1 in *=*) program=${1#*=} ;; esac
    if [ -n "$program" ] && command -v "$program" >/dev/null; then
        return 0
    fi
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ]
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "${0##*/}: this needs root, and there is no sudo; run as root: $*" >&2
        return 1
    fi
}

[ $# -eq 1 ] || usage
case $1 in
run) wanted=("${run_set[@]}") ;;
test) wanted=("${run_set[@]}" "${test_set[@]}") ;;
full) wanted=("${run_set[@]}" "${test_set[@]}" "${full_set[@]}") ;;
bench) wanted=("${run_set[@]}" "${bench_set[@]}") ;;
*) usage ;;
esac

missing=()
for item in "${wanted[@]}"; do
    is_there "$item" || missing+=("${item%%=*}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "Installing: ${missing[*]}"
as_root apt-get update -q
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
