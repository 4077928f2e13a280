/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has somebody changed a database since an import noted it, or only the import itself?
 *
 * An import that was killed may have been writing into a database, or have just committed to it;
 * and programs may have used the database since. A note has the inode and two hashes:
 *
 *   untouched   size and time of the file, its log and its journal, its header, and the last
 *               commit in the log. Whoever opens the database to write, or to tidy up, changes
 *               that.
 *   committed   inode, header (with the counter of changes), and the last commit in the log. It is
 *               what it was once SQLite has undone what was not committed.
 *
 * If the times are so young that another change may leave the same ones, both have the content as
 * well.
 *
 *      the killed restore had   then the import may go on if the database
 *      ----------------------   -------------------------------------------------------------
 *      not begun                is untouched
 *      begun                    has the committed state of the note, once SQLite has undone
 *                               what was not committed
 *      committed                is equal to the staged copy, page by page
 *
 * In all other cases somebody has worked with the database, and it is left alone.
 */
#include "since.h"
#include "connection.h"
#include "live.h"
#include "snapshot.h"
#include "super_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    NOTE = 32,
    HASH = 12,     /* bytes of each */
    INODE_AT = 24, /* in the note */
    SHM_AT = 16,   /* of the -shm: last frame, pages, checksum, salts; walformat.html 2.1 */
    SHM_BYTES = 24,
    MODE_AT = 18,
    ATTEMPTS = 3,
    CHUNK = 1 << 16,
    CONTENT = 16, /* bytes of a hash */
    YOUNG_SECONDS = 2,
    LOCK_PAGE_AT = 1 << 30 /* SQLite stores nothing in it */
};

/* Numbers only, so that there is no padding in what is hashed. */
struct committed {
    uint64_t main[3]; /* in WAL mode only */
    unsigned char header[SQLITE_SNAP_HEADER_BYTES + 4];
    unsigned char log[SHM_BYTES]; /* zeros: no commit is in one */
};
struct untouched {
    uint64_t traces[SIDES][4];
    struct committed committed;
};

/*
 * What stands in the file and its log, where the times are too young to tell of another change. A
 * note does not say whether it has that: whoever compares tries both.
 */
struct contents {
    unsigned char main[CONTENT], wal[CONTENT];
};

HB_SIZEOF(struct committed, 24 + SQLITE_SNAP_HEADER_BYTES + 4 + SHM_BYTES);
HB_SIZEOF(struct untouched, SIDES * 32 + sizeof(struct committed));

static int64_t read_side(struct held *live, enum side side, void *buffer, size_t bytes,
                         uint64_t offset)
{
    int fd = held_open_side(live, side, O_RDONLY);
    int64_t got = fd < 0 ? fd : read_fully(fd, buffer, bytes, offset);
    if (fd >= 0)
        close(fd);
    return got;
}

static void note_main(const struct trace *main, struct committed *committed)
{
    bool wal = committed->header[MODE_AT] == 2; /* fileformat.html 1.3.3 */
    const uint64_t numbers[3] = {wal ? (uint64_t)main->bytes : 0,
                                 wal ? (uint64_t)main->modified.tv_sec : 0,
                                 wal ? (uint64_t)main->modified.tv_nsec : 0};
    memcpy(committed->main, numbers, sizeof numbers);
}

static bool hash_side(struct held *live, enum side side, unsigned char out[CONTENT])
{
    int fd = held_open_side(live, side, O_RDONLY);
    XXH3_state_t *state = XXH3_createState();
    void *buffer = malloc(CHUNK);
    int64_t got = -1;
    if (fd >= 0 && state != NULL && buffer != NULL && XXH3_128bits_reset(state) == XXH_OK) {
        uint64_t at = 0;
        while ((got = read_fully(fd, buffer, CHUNK, at)) > 0) {
            XXH3_128bits_update(state, buffer, (size_t)got);
            at += (uint64_t)got;
        }
    }
    if (got == 0) {
        XXH128_canonical_t canonical;
        XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
        memcpy(out, canonical.digest, CONTENT);
    }
    free(buffer);
    XXH3_freeState(state);
    if (fd >= 0)
        close(fd);
    return got == 0;
}

static bool gather_contents(struct held *live, const struct look *look, struct contents *contents)
{
    return hash_side(live, SIDE_MAIN, contents->main) &&
           (!look->side[SIDE_WAL].exists || hash_side(live, SIDE_WAL, contents->wal));
}

/* Another change may leave the same times: file systems that count in two seconds are in use. */
static bool is_young(const struct look *look)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (int i = 0; i < SIDES; i++)
        if (i != SIDE_SHM && look->side[i].exists &&
            look->side[i].modified.tv_sec >= now.tv_sec - YOUNG_SECONDS)
            return true;
    return false;
}

/* `contents` may be NULL; *racy: they are needed. */
static bool gather(struct held *live, struct untouched *evidence, struct contents *contents,
                   bool *racy)
{
    struct look before, after;
    struct committed *committed = &evidence->committed;
    static const unsigned char no_frames[4] = {0};
    *evidence = (struct untouched){0};
    live_look(live, &before);
    if (!before.side[SIDE_MAIN].exists || !held_sides_are_fit(live) ||
        read_side(live, SIDE_MAIN, committed->header, SQLITE_SNAP_HEADER_BYTES, 0) < 0)
        return false;
    if (before.side[SIDE_WAL].exists && before.side[SIDE_SHM].exists &&
        read_side(live, SIDE_SHM, committed->log, SHM_BYTES, SHM_AT) < 0)
        return false;
    if (memcmp(committed->log, no_frames, sizeof no_frames) == 0) /* the salts say nothing then */
        memset(committed->log, 0, sizeof committed->log);
    *racy = is_young(&before);
    if (contents != NULL) {
        *contents = (struct contents){0};
        if (!gather_contents(live, &before, contents))
            return false;
    }
    live_look(live, &after);
    note_main(&before.side[SIDE_MAIN], committed);
    for (int i = 0; i < SIDES; i++) {
        const struct trace *trace = &before.side[i];
        if (i == SIDE_SHM || !trace->exists) /* readers write the -shm */
            continue;
        const uint64_t numbers[4] = {1, (uint64_t)trace->bytes, (uint64_t)trace->modified.tv_sec,
                                     (uint64_t)trace->modified.tv_nsec};
        memcpy(evidence->traces[i], numbers, sizeof numbers);
    }
    return live_same(&before, &after);
}

static void hash(const void *data, size_t bytes, unsigned char out[HASH])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, bytes));
    memcpy(out, canonical.digest, HASH);
}

/* Only in WAL mode it is the same until a checkpoint; else the header counts the changes. */
static void hash_all(const struct untouched *evidence, const struct contents *contents,
                     unsigned char note[NOTE])
{
    unsigned char all[sizeof *evidence + sizeof *contents],
        committed[sizeof evidence->committed + CONTENT] = {0};
    size_t more = contents == NULL ? 0 : sizeof *contents,
           main = contents == NULL ? 0 : sizeof contents->main;
    memcpy(all, evidence, sizeof *evidence);
    memcpy(committed, &evidence->committed, sizeof evidence->committed);
    if (contents != NULL)
        memcpy(all + sizeof *evidence, contents, sizeof *contents);
    if (contents != NULL && evidence->committed.header[MODE_AT] == 2)
        memcpy(committed + sizeof evidence->committed, contents->main, main);
    hash(all, sizeof *evidence + more, note);
    hash(committed, sizeof evidence->committed + main, note + HASH);
}

enum how { BY_TIMES, BY_CONTENT, AS_IS_NEEDED };

/* No connection of ours has it open: the guard is held. */
static int note_live(struct held *live, enum how how, unsigned char note[NOTE])
{
    struct untouched evidence;
    struct contents contents;
    uint64_t inode = (uint64_t)live->status.st_ino;
    for (int i = 0; i < ATTEMPTS; i++) {
        bool racy;
        if (!gather(live, &evidence, how == BY_CONTENT ? &contents : NULL, &racy))
            continue;
        if (racy && how == AS_IS_NEEDED) {
            how = BY_CONTENT;
            i--;
            continue;
        }
        hash_all(&evidence, how == BY_CONTENT ? &contents : NULL, note);
        memcpy(note + INODE_AT, &inode, sizeof inode);
        return HB_OK;
    }
    return HB_STATUS_NOMATCH;
}

int snap_note(void *self, const struct hb_entry *entry, unsigned char note[32])
{
    struct snap *snap = self;
    struct held live;
    struct inode_holder holder;
    int status = HB_STATUS_NOMATCH;
    if (live_open(snap->host, entry, &live) == 0) {
        inode_guard_enter(&snap->guard, &holder, live.status.st_dev, live.status.st_ino);
        status = note_live(&live, AS_IS_NEEDED, note);
        inode_guard_leave(&snap->guard, &holder);
    }
    held_close(&live);
    return status;
}

/* ---- what was not committed ---------------------------------------------------------------- */

/* Rolling one back that names a super-journal could delete any file: see super_journal.h. */
static bool may_be_opened(struct held *live)
{
    int fd = held_open_side(live, SIDE_JOURNAL, O_RDONLY);
    int named = fd == -ENOENT ? 0 : fd < 0 ? fd : super_journal_is_named(fd);
    if (fd >= 0)
        close(fd);
    return named == 0 && live->by_descriptor && held_sides_are_fit(live);
}

/* SQLite undoes it when the database is read. False: it could not be asked. */
static bool undo_uncommitted(struct snap *snap, struct held *live)
{
    CONNECTION_AUTO connection = {NULL, NULL};
    AS_OWNER_AUTO owner = {0};
    struct patience patience;
    int64_t ignored;
    patience_init(&patience, snap);
    return may_be_opened(live) && held_begin(live, &owner) &&
           connection_open(&connection, live, SQLITE_OPEN_READWRITE, "", &patience) == SQLITE_OK &&
           connection_run(&connection, "PRAGMA schema_version", &ignored) == SQLITE_OK;
}

/* ---- what is staged ------------------------------------------------------------------------ */

/* SQLite numbers a copy anew, and the journal mode stays the target's. */
static void level_header(unsigned char *header, size_t bytes)
{
    static const struct {
        unsigned char at, bytes;
    } own[] = {{18, 2}, {24, 8}, {40, 4}, {92, 8}}; /* fileformat.html 1.3 */
    for (size_t i = 0; bytes >= SQLITE_SNAP_HEADER_BYTES && i < sizeof own / sizeof own[0]; i++)
        memset(header + own[i].at, 0, own[i].bytes);
}

/* fileformat.html 1.3.2 */
static size_t page_bytes(const unsigned char *header)
{
    size_t bytes = (size_t)header[16] << 8 | header[17];
    return bytes == 1 ? CHUNK : bytes;
}

struct chunks {
    unsigned char left[CHUNK], right[CHUNK];
    size_t page;
};

static bool same_chunk(struct chunks *chunks, int one, int other, uint64_t at, size_t bytes)
{
    if (read_fully(one, chunks->left, bytes, at) != (int64_t)bytes ||
        read_fully(other, chunks->right, bytes, at) != (int64_t)bytes)
        return false;
    if (at == 0) {
        chunks->page = page_bytes(chunks->left);
        level_header(chunks->left, bytes);
        level_header(chunks->right, bytes);
    }
    size_t skipped = at == LOCK_PAGE_AT && chunks->page < bytes ? chunks->page : 0;
    return memcmp(chunks->left + skipped, chunks->right + skipped, bytes - skipped) == 0;
}

static bool same_content(int one, int other, uint64_t bytes)
{
    struct chunks *chunks = malloc(sizeof *chunks);
    bool same = chunks != NULL;
    for (uint64_t at = 0; same && at < bytes; at += CHUNK)
        same =
            same_chunk(chunks, one, other, at, bytes - at < CHUNK ? (size_t)(bytes - at) : CHUNK);
    free(chunks);
    return same;
}

/* Does the database hold what is staged? HB_OK, HB_STATUS_NOMATCH, or a failure. */
static int is_staged(struct snap *snap, const struct hb_entry *entry, const struct hb_file *file)
{
    struct hb_source source = {.size = sizeof source, .fd = -1, .flags = HB_SOURCE_JUDGED};
    struct stat staged;
    int status = snapshot_copy(snap, entry, &source);
    if (status == HB_STATUS_ENTRY)
        return HB_STATUS_LATER; /* it is locked, say */
    if (status != HB_OK)
        return status;
    bool same = fstat(file->fd, &staged) == 0 && (uint64_t)staged.st_size == source.bytes &&
                same_content(source.fd, file->fd, source.bytes);
    source.close(&source);
    return same ? HB_OK : HB_STATUS_NOMATCH;
}

/* ---- all ----------------------------------------------------------------------------------- */

enum noted { NOT_AS_NOTED, UNTOUCHED, AS_COMMITTED };

static bool is_same_file(const unsigned char *now, const unsigned char *note, uint32_t flags)
{
    return (flags & HB_SINCE_COPIED) != 0 ||
           memcmp(now + INODE_AT, note + INODE_AT, NOTE - INODE_AT) == 0;
}

/* At 0 or HASH of the note. */
static bool is_noted_by_content(struct held *live, const unsigned char *note, size_t at)
{
    unsigned char now[NOTE];
    return note_live(live, BY_CONTENT, now) == HB_OK && memcmp(now + at, note + at, HASH) == 0;
}

static enum noted compare_live(struct snap *snap, struct held *live, const unsigned char *note,
                               uint32_t flags)
{
    unsigned char now[NOTE];
    if (note_live(live, BY_TIMES, now) != HB_OK || !is_same_file(now, note, flags))
        return NOT_AS_NOTED;
    if (memcmp(now, note, HASH) == 0 || is_noted_by_content(live, note, 0))
        return UNTOUCHED;
    return (flags & HB_SINCE_BEGUN) != 0 && undo_uncommitted(snap, live) &&
                   ((note_live(live, BY_TIMES, now) == HB_OK &&
                     memcmp(now + HASH, note + HASH, HASH) == 0) ||
                    is_noted_by_content(live, note, HASH))
               ? AS_COMMITTED
               : NOT_AS_NOTED;
}

static enum noted compare(struct snap *snap, const struct hb_entry *entry,
                          const unsigned char *note, uint32_t flags)
{
    struct held live;
    struct inode_holder holder;
    enum noted found = NOT_AS_NOTED;
    if (live_open(snap->host, entry, &live) == 0) {
        inode_guard_enter(&snap->guard, &holder, live.status.st_dev, live.status.st_ino);
        found = compare_live(snap, &live, note, flags);
        inode_guard_leave(&snap->guard, &holder);
    }
    held_close(&live);
    return found;
}

int snap_since(void *self, const struct hb_entry *entry, const struct hb_file *file,
               const unsigned char *note, uint32_t flags)
{
    struct snap *snap = self;
    if (note != NULL && compare(snap, entry, note, flags) != NOT_AS_NOTED)
        return HB_SINCE_AS_NOTED;
    if (note != NULL && (flags & HB_SINCE_BEGUN) == 0)
        return HB_SINCE_CHANGED;
    int status = is_staged(snap, entry, file);
    if (status == HB_OK)
        return HB_SINCE_AS_STAGED;
    return status == HB_STATUS_NOMATCH && note != NULL ? HB_SINCE_CHANGED : status;
}
