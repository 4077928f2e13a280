/* SPDX-License-Identifier: Apache-2.0 */
#include "history/history.h"

#include "archive/facts.h"
#include "archive/fingerprint.h"
#include "archive/hard_links.h"
#include "archive/receipts.h"
#include "base/memory.h"
#include "history/database.h"
#include "history/read_with.h"
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* So many archives are written at a time: a run that is ended loses no more. */
enum { AT_ONCE = 64 };

struct hb_history {
    struct hb_database database;
    struct hb_history_rows rows;
    bool names, of_all_homes;
    struct timespec opened;
    size_t waiting; /* archives that are not written yet */
};

struct hb_history *hb_history_open(const struct hb_history_request *request)
{
    unsigned char reader[HB_READER_BYTES];
    if (!hb_history_reader(request->run, request->names, reader))
        return NULL;
    struct hb_history *history = hb_alloc(sizeof *history);
    const char *preset = request->preset == NULL ? "" : request->preset;
    history->names = request->names;
    history->of_all_homes = request->preset == NULL;
    clock_gettime(CLOCK_REALTIME, &history->opened);
    history->rows.place = hb_text("%s\n%s", preset, request->directory);
    memcpy(history->rows.reader, reader, sizeof reader);
    hb_database_open(&history->database);
    hb_database_read(&history->database, &history->rows);
    if (history->database.state != HB_DATABASE_UNUSABLE)
        return history;
    hb_history_close(history);
    return NULL;
}

void hb_history_close(struct hb_history *history)
{
    if (history == NULL)
        return;
    hb_database_close(&history->database);
    hb_history_rows_clear(&history->rows);
    free(history);
}

/* ---- which archive ------------------------------------------------------------------------- */

static bool key_of(const struct hb_history_archive *archive, unsigned char key[HB_HISTORY_KEY])
{
    char receipt[HB_RECEIPT_KEY_BYTES];
    unsigned char hash[HB_FACTS_HASH];
    if (archive->version == NULL || *archive->version == '\0')
        return false;
    hb_receipt_key_of(archive->file, archive->version, archive->origin, receipt);
    HB_AUTO_FREE char *text = hb_text("%s %s", receipt, archive->name);
    hb_facts_head(text, strlen(text), hash);
    memcpy(key, hash, HB_HISTORY_KEY);
    return true;
}

static const char *home_of(const struct hb_history_archive *archive)
{
    return archive->origin == NULL ? "" : archive->origin->home;
}

static struct hb_strand *strand_of(struct hb_history *history, const char *home)
{
    struct hb_history_rows *rows = &history->rows;
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->strands[i]->home, home) == 0)
            return rows->strands[i];
    rows->strands = hb_resize(rows->strands, rows->count + 1, sizeof(struct hb_strand *));
    return rows->strands[rows->count++] = hb_strand_new(home);
}

bool hb_history_knows(struct hb_history *history, const struct hb_history_archive *archive,
                      bool *incomplete)
{
    unsigned char key[HB_HISTORY_KEY];
    if (!key_of(archive, key))
        return false;
    struct hb_strand_archive *known = hb_strand_find(strand_of(history, home_of(archive)), key);
    if (known == NULL || known->position != SIZE_MAX)
        return false;
    known->position = archive->position;
    *incomplete = known->incomplete;
    return true;
}

/* ---- another one --------------------------------------------------------------------------- */

void hb_history_content(const struct hb_archive *archive, const uint32_t *contents, size_t index,
                        struct hb_history_content *content)
{
    const struct hb_catalog *catalog = &archive->catalog;
    *content = (struct hb_history_content){.mtime = hb_catalog_mtime_seconds(catalog, index),
                                           .type = (uint8_t)catalog->members[index].type};
    if (!hb_hard_links_is_file(catalog, contents, index, &content->bytes))
        return;
    size_t from = contents != NULL ? contents[index] : index;
    content->hashed = archive->has_trailer && !archive->later_trailer &&
                      hb_trailer_content(&archive->trailer, from, &content->hash);
    content->type = HB_TYPE_FILE;
}

/*
 * Could it have changed once more while it was read, and nothing show it? A store gives each change
 * another version.
 */
static bool is_young(const struct hb_history *history, const struct stat *file)
{
    struct hb_file_state state = {.mtime = file->st_mtim, .ctime = file->st_ctim};
    return hb_state_is_racy(&state, &history->opened);
}

static bool may_keep(const struct hb_history *history, const struct hb_history_archive *archive,
                     const struct hb_archive *listed)
{
    return (listed->opener == NULL || history->names) && !listed->stream &&
           hb_archive_has_version(listed, archive->version) &&
           (archive->file == NULL ||
            (!is_young(history, archive->file) && hb_receipt_key_tells(listed)));
}

bool hb_history_add(struct hb_history *history, const struct hb_history_archive *archive,
                    const struct hb_archive *listed)
{
    unsigned char key[HB_HISTORY_KEY];
    const struct hb_catalog *catalog = &listed->catalog;
    if (catalog->count > HB_STRAND_MOST_MEMBERS || catalog->text_bytes > HB_STRAND_MOST_TEXT ||
        !key_of(archive, key) || !may_keep(history, archive, listed))
        return false;
    HB_AUTO_FREE uint32_t *contents = hb_hard_links_find(catalog);
    HB_AUTO_FREE struct hb_history_member *members =
        hb_resize(NULL, catalog->count + 1, sizeof *members);
    for (size_t i = 0; i < catalog->count; i++) {
        members[i].path = hb_catalog_path(catalog, i);
        hb_history_content(listed, contents, i, &members[i].content);
    }
    struct hb_strand_archive *added = hb_strand_add(
        strand_of(history, home_of(archive)), key,
        listed->has_trailer && hb_trailer_incomplete(&listed->trailer), members, catalog->count);
    if (added == NULL)
        return false;
    added->position = archive->position;
    if (++history->waiting == AT_ONCE)
        hb_history_keep(history, false);
    return true;
}

void hb_history_keep(struct hb_history *history, bool all)
{
    struct hb_history_rows *rows = &history->rows;
    bool changed = rows->stale_count > 0;
    history->waiting = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (all && (history->of_all_homes || hb_strand_is_there(rows->strands[i])))
            hb_strand_forget(rows->strands[i]);
        changed |= rows->strands[i]->changed;
    }
    if (changed)
        hb_database_write(&history->database, rows);
}

void hb_history_each(const struct hb_history *history, const struct hb_strand_visitor *visitor)
{
    for (size_t i = 0; i < history->rows.count; i++)
        hb_strand_each(history->rows.strands[i], visitor);
}
