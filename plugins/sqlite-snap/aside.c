/* SPDX-License-Identifier: Apache-2.0 */
/* Copies a database and its log without SQLite, and has SQLite recover the copy. */
#include "aside.h"
#include "super_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int stopped(const struct hb_host *host)
{
    return host->fail(host, HB_STATUS_CANCELLED, "the copy of a database was stopped");
}

static int copy_bytes(const struct hb_host *host, const struct hb_entry *entry, int from, int to)
{
    enum { CHUNK = 1 << 20 };
    unsigned char *buffer = malloc(CHUNK);
    if (buffer == NULL)
        return host->fail(host, HB_STATUS_ENTRY, "out of memory");
    int status = HB_OK;
    for (uint64_t offset = 0; status == HB_OK;) {
        int64_t got = read_fully(from, buffer, CHUNK, offset);
        if (got == 0)
            break;
        if (got < 0)
            status = host->fail(host, HB_STATUS_ENTRY, "cannot be read: %s", strerror((int)-got));
        else if (!write_fully(to, buffer, (size_t)got, offset))
            status =
                host->fail(host, HB_STATUS_ENTRY, "its copy cannot be staged: %s", strerror(errno));
        else if (host->cancelled(host))
            status = stopped(host);
        offset += got > 0 ? (uint64_t)got : 0;
        if (status == HB_OK)
            host->progress(host, entry, offset, entry->bytes);
    }
    free(buffer);
    return status;
}

/* HB_STATUS_NOMATCH: it is not there. */
static int copy_side(const struct hb_host *host, const struct hb_entry *entry, struct held *live,
                     struct held *staged, enum side side)
{
    const char *what = side == SIDE_MAIN ? "file" : side_suffixes[side];
    int from = held_open_side(live, side, O_RDONLY);
    if (from == -ENOENT || from == -ESTALE)
        return HB_STATUS_NOMATCH;
    if (from < 0 && live->refusal[0] != '\0')
        return host->fail(host, HB_STATUS_ENTRY, "%s; stored nothing for it", live->refusal);
    if (from < 0)
        return host->fail(host, HB_STATUS_ENTRY, "its %s cannot be read: %s", what,
                          strerror(-from));
    int to = held_open_side(staged, side, side == SIDE_MAIN ? O_RDWR : O_RDWR | O_CREAT | O_EXCL);
    int status = to < 0 ? host->fail(host, HB_STATUS_ENTRY, "its %s cannot be staged: %s", what,
                                     strerror(-to))
                        : copy_bytes(host, entry, from, to);
    if (to >= 0)
        close(to);
    close(from);
    return status;
}

int sides_left(const struct held *staged)
{
    static const enum side logs[] = {SIDE_WAL, SIDE_JOURNAL};
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        char name[HELD_NAME_BYTES];
        struct stat found;
        held_side_name(staged->name, logs[i], name);
        if (fstatat(staged->directory_fd, name, &found, AT_SYMLINK_NOFOLLOW) == 0) {
            if (found.st_size > 0)
                return 1;
        } else if (errno != ENOENT) {
            return -errno;
        }
    }
    return 0;
}

/* Whether a super-journal is there is asked as the owner of the database's directory. */
static int strip_journal(struct held *staged, struct held *origin)
{
    int fd = held_open_side(staged, SIDE_JOURNAL, O_RDWR);
    if (fd < 0)
        return fd == -ENOENT ? SQLITE_OK : SQLITE_CANTOPEN;
    AS_OWNER_AUTO owner = {0};
    int stripped = held_begin(origin, &owner) ? super_journal_strip(fd) : -EPERM;
    close(fd);
    if (stripped == -ENOTRECOVERABLE)
        snprintf(origin->refusal, sizeof origin->refusal,
                 "its -journal belongs to a transaction over several databases, and hbcore cannot "
                 "tell whether that transaction was completed: open the database with a program "
                 "that uses it, then try again");
    return stripped == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

/* The copy is ours alone: here a checkpoint is right, and makes one file of it. */
int recover_staged(struct held *staged, struct held *origin, struct patience *patience)
{
    int64_t ignored;
    CONNECTION_AUTO connection = {NULL, NULL};
    int result = strip_journal(staged, origin);
    AS_OWNER_AUTO owner = {0};
    if (result == SQLITE_OK && !held_begin(staged, &owner))
        result = SQLITE_PERM;
    if (result == SQLITE_OK)
        result = connection_open(&connection, staged, SQLITE_OPEN_READWRITE, "", patience);
    if (result != SQLITE_OK)
        return result;
    int off = 0;
    sqlite3_file_control(connection.db, "main", SQLITE_FCNTL_PERSIST_WAL, &off);
    connection_run(&connection, "PRAGMA synchronous = OFF", NULL);
    result = connection_run(&connection, "PRAGMA schema_version", &ignored);
    if (result == SQLITE_OK)
        result = sqlite3_wal_checkpoint_v2(connection.db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                           NULL);
    connection_close(&connection);
    int left = sides_left(staged);
    as_owner_end(&owner);
    if (result == SQLITE_OK && left != 0)
        return left > 0 ? SQLITE_CORRUPT : SQLITE_IOERR_FSTAT;
    if (result == SQLITE_OK)
        held_remove_sides(staged);
    return result;
}

int copy_aside(struct snap *snap, const struct hb_entry *entry, struct held *live,
               const struct look *look, struct held *staged, struct patience *patience, int *result)
{
    static const enum side parts[] = {SIDE_MAIN, SIDE_WAL, SIDE_JOURNAL};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!look->side[parts[i]].exists)
            continue;
        int status = copy_side(snap->host, entry, live, staged, parts[i]);
        if (status != HB_OK)
            return status;
    }
    *result = recover_staged(staged, live, patience);
    if (*result == SQLITE_INTERRUPT)
        return stopped(snap->host);
    return HB_OK;
}
