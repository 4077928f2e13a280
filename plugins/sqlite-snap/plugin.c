/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite-snap: databases that may be in use, for backup and import. Its options, and the files that
 * it claims.
 */
#include "bulk_vfs.h"
#include "facts.h"
#include "fewer.h"
#include "identity.h"
#include "restore.h"
#include "since.h"
#include "snapshot.h"
#include "soundness.h"
#include "view_vfs.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUFFIXES,
    WAIT,
    LOCKED,
    CHECK,
    CHECK_LIMIT,
    FORCE_HELD,
    COUNT,
    FEWER,
    SNAPSHOT,
    HOLD,
    WAL_LIMIT,
    OPTIONS
};

static const char *const locked_choices[] = {"skip", "raw", NULL};
static const char *const check_choices[] = {"quick", "full", NULL};
static const char *const snapshot_choices[] = {"auto", "in-place", "copy", NULL};

static const struct hb_option *const options[OPTIONS] = {
    [SUFFIXES] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_LIST,
            .key = "suffixes",
            .default_text = ".db .db3 .sqlite .sqlite3",
            .help = "Suffixes of the base names of databases; a file whose whole name is the "
                    "suffix is not one"},
    [WAIT] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_SECONDS,
            .key = "wait",
            .default_text = "30",
            .minimum = 0,
            .maximum = 86400,
            .help =
                "How long to wait for a locked database, and how long to keep a writer waiting"},
    [LOCKED] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_CHOICE,
            .key = "locked",
            .default_text = "skip",
            .choices = locked_choices,
            .help = "What to do with a database that stays locked: skip leaves it out, raw "
                    "stores its bytes as they are"},
    [CHECK] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_CHOICE,
            .key = "check",
            .default_text = "quick",
            .choices = check_choices,
            .help = "How a backup checks its copies: quick reads all pages, full checks the "
                    "indexes too; verify, import and snapshot restore always check in full"},
    [CHECK_LIMIT] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_BYTES,
            .key = "check-limit",
            .default_text = "2G",
            .minimum = 0,
            .maximum = INT64_MAX,
            .help = "Above this size a full check becomes a quick one, and a quick check "
                    "looks only at header, page count and schema"},
    [FORCE_HELD] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_BOOLEAN,
            .key = "force-held",
            .default_text = "no",
            .help = "Restore a database even if a program still has the deleted one open; "
                    "that program will not see the restored one"},
    [COUNT] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_LIST,
            .key = "count",
            .default_text = "",
            .help = "Tables whose rows a backup counts, in each database that has one"},
    [FEWER] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_LIST,
            .key = "fewer",
            .default_text = "",
            .help = "Tables of which an import notes that the restored database has fewer rows "
                    "than the one that it replaced"},
    [SNAPSHOT] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_CHOICE,
            .key = "snapshot",
            .default_text = "auto",
            .choices = snapshot_choices,
            .help = "auto reads a database in use where it lies if that is safe, and copies it "
                    "first if not; in-place also notes why one was copied; copy always copies"},
    [HOLD] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_SECONDS,
            .key = "hold",
            .default_text = "600",
            .minimum = 0,
            .maximum = 86400,
            .help = "How long a database that is being written to is read in place; then what is "
                    "left is copied, if there is room for it"},
    [WAL_LIMIT] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_BYTES,
            .key = "wal-limit",
            .default_text = "256M",
            .minimum = 0,
            .maximum = INT64_MAX,
            .help = "How much its log may grow while it is read in place; then what is left is "
                    "copied"},
};

static int snap_create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    const struct hb_value *suffixes = settings->values[SUFFIXES];
    if (!sqlite3_threadsafe())
        return host->fail(host, HB_STATUS_FATAL,
                          "this SQLite library was built without threads; install another");
    for (size_t i = 0; i < suffixes->list_count; i++)
        if (*suffixes->list[i] == '\0' || strchr(suffixes->list[i], '/') != NULL)
            return host->fail(host, HB_STATUS_FATAL,
                              "[%s] suffixes: \"%s\" cannot be the end of a file name",
                              settings->section, suffixes->list[i]);
    if (settings->values[FEWER]->list_count > FEWER_TABLES)
        return host->fail(host, HB_STATUS_FATAL, "[%s] fewer: more than %d tables",
                          settings->section, (int)FEWER_TABLES);
    struct snap *snap = calloc(1, sizeof *snap);
    if (snap == NULL || !bulk_vfs_register() || !view_vfs_register()) {
        free(snap);
        return host->fail(host, HB_STATUS_FATAL,
                          "out of memory, or this SQLite library refused to register a VFS");
    }
    snap->host = host;
    snap->suffixes = suffixes;
    snap->count = settings->values[COUNT];
    snap->fewer = settings->values[FEWER];
    snap->wait_s = settings->values[WAIT]->number;
    snap->ways = (enum snapshot_ways)settings->values[SNAPSHOT]->number;
    snap->hold_s = settings->values[HOLD]->number;
    snap->wal_limit = (uint64_t)settings->values[WAL_LIMIT]->number;
    snap->locked_raw = settings->values[LOCKED]->number == 1;
    snap->check_full = settings->values[CHECK]->number == 1;
    snap->check_limit = (uint64_t)settings->values[CHECK_LIMIT]->number;
    snap->force_held = settings->values[FORCE_HELD]->number != 0;
    inode_guard_init(&snap->guard);
    *self = snap;
    return HB_OK;
}

static void snap_destroy(void *self)
{
    struct snap *snap = self;
    inode_guard_destroy(&snap->guard);
    lost_files_clear(&snap->lost);
    free(snap);
}

/*
 * By name alone: what such a file contains is decided when it is opened, because a database of
 * zeros or with a broken header must not pass for an ordinary file.
 */
static int snap_claim(void *self, const struct hb_entry *entry, const void *head, size_t bytes)
{
    const struct snap *snap = self;
    (void)head;
    (void)bytes;
    if (entry->type != HB_TYPE_FILE)
        return HB_STATUS_NOMATCH;
    const char *slash = memrchr(entry->path, '/', entry->path_bytes);
    const char *end = entry->path + entry->path_bytes;
    size_t base = (size_t)(end - (slash == NULL ? entry->path : slash + 1));
    for (size_t i = 0; i < snap->suffixes->list_count; i++) {
        const char *suffix = snap->suffixes->list[i];
        size_t length = strlen(suffix);
        if (base > length && memcmp(end - length, suffix, length) == 0)
            return HB_OK;
    }
    return HB_STATUS_NOMATCH;
}

static const char *const *snap_sidecars(void *self)
{
    static const char *const sidecars[] = {"-wal", "-shm", "-journal", NULL};
    (void)self;
    return sidecars;
}

static const struct hb_content_ops ops = {
    .size = sizeof ops,
    .head_bytes = 0,
    .claim = snap_claim,
    .sidecars = snap_sidecars,
    .open = snap_open,
    .judge = snap_judge,
    .identity = snap_identity,
    .check = snap_check,
    .restore = snap_restore,
    .note = snap_note,
    .since = snap_since,
    .foresee = snap_foresee,
    .fact = snap_fact,
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_CONTENT,
    .host_size = sizeof(struct hb_host),
    .name = "sqlite-snap",
    .version = "0.1.0",
    .summary = "SQLite databases in use: consistent snapshots, checks, restore into the live file",
    .options = options,
    .option_count = OPTIONS,
    .create = snap_create,
    .destroy = snap_destroy,
    .ops = &ops,
};

HB_PLUGIN_KIND(HB_KIND_CONTENT);

const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
