#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh checkout to a first, verified archive. Reads the home, changes nothing in it.
set -euo pipefail
cd "$(dirname "$0")/.."
config=$PWD/conf/hermes.ini
hbcore=$PWD/build/release/bin/hbcore

build() {
    echo "Building (release) …"
    cmake --preset release -DHBCORE_TESTS=OFF >/dev/null
    cmake --build --preset release >build/release/build.log 2>&1 || {
        tail -n 40 build/release/build.log >&2
        echo "${0##*/}: the build failed; all of it is in build/release/build.log" >&2
        exit 1
    }
}

# A small home with what makes one hard to copy: a database in WAL mode with commits that are
# in its journal only, a secret, an empty directory, something to leave out.
make_demonstration() {
    local home=$1
    mkdir -p "$home"/{sessions,skills/greeting,logs,cache/empty,__pycache__}
    printf 'model: demonstration\n' >"$home/config.yaml"
    (umask 077 && printf 'API_KEY=none\n' >"$home/.env")
    printf '# Greeting\n\nSay hello.\n' >"$home/skills/greeting/SKILL.md"
    local number
    for number in $(seq 1 200); do
        printf '{"session": %d, "said": ["hello", "goodbye"]}\n' "$number" \
            >"$home/sessions/$number.json"
    done
    printf 'left out\n' >"$home/__pycache__/a.pyc"
    sqlite3 "$home/state.db" >/dev/null <<'SQL'
PRAGMA journal_mode = WAL;
.dbconfig no_ckpt_on_close on
CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO message (text) SELECT 'message ' || i FROM n;
SQL
}

tools/install-deps.sh run
build

home=${HERMES_HOME:-$HOME/.hermes}
output=()
if [ -d "$home" ]; then
    echo "Backing up $home"
else
    demonstration=$(mktemp -d "${TMPDIR:-/tmp}/hbcore-demonstration.XXXXXX")
    home=$demonstration/home
    echo "There is no $HOME/.hermes and no \$HERMES_HOME: this is a demonstration with a small home"
    echo "made for it in $home; the archive goes beside it."
    make_demonstration "$home"
    export HERMES_HOME=$home
    output=(-o "$demonstration/")
fi

# An archive in which a file was skipped is an archive all the same (3): say so and go on.
status=0
summary=$("$hbcore" --config "$config" --json backup "${output[@]}") || status=$?
if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then
    echo "${0##*/}: the backup failed (exit $status)" >&2
    exit "$status"
fi
# The summary is one line of JSON; the path is a plain JSON string unless its name is extraordinary.
archive=$(printf '%s\n' "$summary" | sed -n 's/.*"archive": *"\([^"]*\)".*/\1/p' | tail -n 1)
if [ ! -f "$archive" ]; then
    echo "${0##*/}: nothing was archived: $summary" >&2
    exit 1
fi
[ "$status" -eq 0 ] || echo "Some files were skipped or are doubtful; they are listed above."

"$hbcore" --config "$config" verify "$archive"

cat <<END

The archive, verified:
    $archive

What to do next ($hbcore is the program):
    hbcore --config $config list $archive
    hbcore --config $config --home /tmp/restored import $archive
    hbcore --config $config --home $home backup --format tar-zstd
    sudo cmake --install build/release      installs it below /usr/local
END
