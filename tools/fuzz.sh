#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes each reader of untrusted bytes in turn, at low priority. What is found stays in build/fuzz.
#
#   tools/fuzz.sh [SECONDS [TARGET…]]     600 seconds each; zip tar-zstd zip-inside tar-inside trailer
#                                         journal manifest ini s3 age
#
# The two called inside make archives of the input that are right outside: offsets, sizes, checksums.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-600}
targets=("${@:2}")
if [ ${#targets[@]} -eq 0 ]; then
    targets=(zip tar-zstd zip-inside tar-inside trailer journal manifest ini s3 age)
fi

cmake --preset fuzz -DHBCORE_TESTS=ON >/dev/null
nice -n 15 cmake --build --preset fuzz -- fuzz-zip fuzz_tar_zstd fuzz-zip-inside fuzz_tar_inside \
    fuzz-trailer fuzz-journal fuzz-manifest fuzz-ini fuzz-s3 fuzz-age

failed=0
for target in "${targets[@]}"; do
    program=fuzz-$target
    corpus=build/fuzz/corpus/$target
    seeds=tests/fuzz/corpus-$target
    mkdir -p "$corpus"
    case $target in
    zip)
        seeds=plugins/zip/tests/corpus
        python3 -B tests/hostile/seeds.py zip "$corpus"
        ;;
    tar-zstd)
        program=fuzz_tar_zstd
        seeds=plugins/tar-zstd/tests/corpus
        python3 -B tests/hostile/seeds.py tar "$corpus"
        ;;
    zip-inside)
        seeds=plugins/zip/tests/corpus
        ;;
    s3 | age)
        seeds=plugins/$target/tests/corpus
        ;;
    tar-inside)
        program=fuzz_tar_inside
        seeds=plugins/tar-zstd/tests/corpus
        ;;
    esac
    echo "== $target: $seconds s"
    nice -n 15 "build/fuzz/tests/$program" -max_total_time="$seconds" -max_len=16384 -timeout=20 \
        -rss_limit_mb=3000 -print_final_stats=1 -artifact_prefix="build/fuzz/finding-$target-" \
        "$corpus" "$seeds" 2>"build/fuzz/$target.log" || failed=1
    tail -n 12 "build/fuzz/$target.log"
done
exit "$failed"
