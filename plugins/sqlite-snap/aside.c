/* SPDX-License-Identifier: Apache-2.0 */
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
    return host->fail(host, HB_CANCELLED, "the copy of a database was stopped");
}

static int copy_bytes(const struct hb_host *host, const struct hb_entry *entry, int from, int to)
{
    enum { CHUNK = 1 << 20 };
    unsigned char *buffer = malloc(CHUNK);
    if (buffer == NULL)
        return host->fail(host, HB_ENTRY, "out of memory");
    int status = HB_OK;
    for (uint64_t offset = 0; status == HB_OK;) {
        int64_t got = read_fully(from, buffer, CHUNK, offset);
        if (got == 0)
            break;
        if (got < 0)
            status = host->fail(host, HB_ENTRY, "cannot be read: %s", strerror((int)-got));
        else if (!write_fully(to, buffer, (size_t)got, offset))
            status = host->fail(host, HB_ENTRY, "its copy cannot be staged: %s", strerror(errno));
        else if (host->cancelled(host))
            status = stopped(host);
        offset += got > 0 ? (uint64_t)got : 0;
        if (status == HB_OK)
            host->progress(host, entry, offset, entry->bytes);
    }
    free(buffer);
    return status;
}

static int copy_side(const struct hb_host *host, const struct hb_entry *entry,
                     const struct hb_file *file, enum side side)
{
    char from_name[PATH_MAX + 16], to_name[PATH_MAX + 16];
    snprintf(from_name, sizeof from_name, "%s%s", entry->path, live_suffixes[side]);
    snprintf(to_name, sizeof to_name, "%s%s", file->path, live_suffixes[side]);
    int from = host->open_beneath(host, from_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (from == -ENOENT)
        return HB_NOMATCH;
    if (from < 0)
        return host->fail(host, HB_ENTRY, "its %s cannot be read: %s", live_suffixes[side],
                          strerror(-from));
    int to = file->fd;
    if (side != SIDE_MAIN)
        to = open(to_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int status;
    if (to < 0)
        status = host->fail(host, HB_ENTRY, "its %s cannot be staged: %s", live_suffixes[side],
                            strerror(errno));
    else
        status = copy_bytes(host, entry, from, to);
    if (to >= 0 && side != SIDE_MAIN)
        close(to);
    close(from);
    return status;
}

bool no_side_is_left(const struct hb_file *file)
{
    static const enum side logs[] = {SIDE_WAL, SIDE_JOURNAL};
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        char name[PATH_MAX + 16];
        struct stat found;
        snprintf(name, sizeof name, "%s%s", file->path, live_suffixes[logs[i]]);
        if (lstat(name, &found) == 0 && found.st_size > 0)
            return false;
    }
    return true;
}

static void remove_sides(const struct hb_file *file)
{
    for (int side = SIDE_WAL; side < SIDES; side++) {
        char name[PATH_MAX + 16];
        snprintf(name, sizeof name, "%s%s", file->path, live_suffixes[side]);
        unlink(name);
    }
}

static int strip_journal(const struct hb_file *file)
{
    char name[PATH_MAX + 16];
    snprintf(name, sizeof name, "%s%s", file->path, live_suffixes[SIDE_JOURNAL]);
    int fd = open(name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? SQLITE_OK : SQLITE_CANTOPEN;
    bool stripped = super_journal_strip(fd);
    close(fd);
    return stripped ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

/* The copy is ours alone: here a checkpoint is right, and makes one file of it. */
int recover_staged(const struct hb_file *file, struct patience *patience)
{
    int64_t ignored;
    CONNECTION_AUTO connection = {NULL};
    int result = strip_journal(file);
    if (result == SQLITE_OK)
        result = connection_open(&connection, file->path, SQLITE_OPEN_READWRITE, "", patience);
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
    if (result == SQLITE_OK && !no_side_is_left(file))
        return SQLITE_CORRUPT;
    if (result == SQLITE_OK)
        remove_sides(file);
    return result;
}

int copy_aside(struct snap *snap, const struct hb_entry *entry, const struct live *live,
               const struct look *look, const struct hb_file *file, struct patience *patience,
               int *result)
{
    static const enum side parts[] = {SIDE_MAIN, SIDE_WAL, SIDE_JOURNAL};
    (void)live;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!look->side[parts[i]].exists)
            continue;
        int status = copy_side(snap->host, entry, file, parts[i]);
        if (status != HB_OK)
            return status;
    }
    *result = recover_staged(file, patience);
    if (*result == SQLITE_INTERRUPT)
        return stopped(snap->host);
    return HB_OK;
}
