/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows are counted in the staged copy, or in the view that is read in place: one state of the
 * database, which nobody writes to. Live, the count would be of another moment than the copy. Views
 * and tables of modules are not counted: what they run, the database says, and it may be anybody's.
 */
#include "facts.h"
#include "connection.h"
#include "held.h"
#include "in_place.h"
#include "snapshot.h"

#include <string.h>

/* Is there a table of its own pages, and not of a module, of that name? SQLite's result. */
static int look_for_table(const struct connection *copy, const char *name, bool *found)
{
    int64_t count = 0;
    char *sql = sqlite3_mprintf("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND "
                                "rootpage > 0 AND name = %Q COLLATE NOCASE",
                                name);
    int result = sql == NULL ? SQLITE_NOMEM : connection_run(copy, sql, &count);
    sqlite3_free(sql);
    *found = count > 0;
    return result;
}

static int count_rows(const struct connection *copy, const char *name, int64_t *rows)
{
    char *sql = sqlite3_mprintf("SELECT count(*) FROM main.\"%w\"", name);
    int result = sql == NULL ? SQLITE_NOMEM : connection_run(copy, sql, rows);
    sqlite3_free(sql);
    return result;
}

int facts_rows(const struct connection *connection, const char *name, bool *found, int64_t *rows)
{
    int result = look_for_table(connection, name, found);
    return result == SQLITE_OK && *found ? count_rows(connection, name, rows) : result;
}

static int explain(const struct snap *snap, const struct connection *copy, const char *name,
                   int result)
{
    const struct hb_host *host = snap->host;
    if (host->cancelled(host))
        return host->fail(host, HB_STATUS_CANCELLED, "the count of a table was stopped");
    return host->fail(host, HB_STATUS_ENTRY, "the rows of table %s cannot be counted: %s", name,
                      connection_message(copy, result));
}

static int count_in(const struct snap *snap, struct held *staged, struct in_place *in_place,
                    const char *name, int64_t *rows)
{
    CONNECTION_AUTO copy = {NULL, NULL};
    AS_OWNER_AUTO owner = {0};
    struct patience patience;
    bool found = false;
    patience_init(&patience, snap);
    if (in_place == NULL)
        held_begin_staged(staged, &owner);
    int result = connection_open(&copy, staged, SQLITE_OPEN_READONLY,
                                 in_place == NULL ? "immutable=1" : "vfs=" VIEW_VFS, &patience);
    if (result == SQLITE_OK)
        result = facts_rows(&copy, name, &found, rows);
    if (result != SQLITE_OK)
        return explain(snap, &copy, name, result);
    if (in_place != NULL && in_place_confirm(in_place) != HB_OK)
        return HB_STATUS_ENTRY;
    return found ? HB_OK : HB_STATUS_NOMATCH;
}

int snap_fact(void *self, const struct hb_entry *entry, const struct hb_source *source,
              size_t index, struct hb_fact *fact)
{
    const struct snap *snap = self;
    struct held staged;
    struct in_place *in_place = snapshot_in_place(source);
    int result = 0;
    (void)entry;
    if (index >= snap->count->list_count) {
        if (in_place != NULL)
            in_place_looked_at(in_place);
        return HB_STATUS_END;
    }
    fact->name = snap->count->list[index];
    if (in_place != NULL)
        view_vfs_name(in_place_source(in_place), &staged);
    else
        result = held_open_staged(&staged, snapshot_file(source));
    int status = result == 0 ? count_in(snap, &staged, in_place, fact->name, &fact->value)
                             : snap->host->fail(snap->host, HB_STATUS_ENTRY,
                                                "the rows of table %s cannot be counted: %s",
                                                fact->name, strerror(-result));
    held_close(&staged);
    return status;
}
