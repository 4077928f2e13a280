/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has a database changed? Writes to its files show in the change counter of the header and in the
 * times of the files; if size and time were put back, in the time of the inode's change. Commits
 * that are only in the log show in the header of the log, and in that of its index in the -shm
 * (last commit, its checksum). All of that is read; nothing is opened with SQLite.
 */
#include "identity.h"
#include "live.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define WAL_HEADER_BYTES 32 /* sqlite.org/fileformat.html 4.1: the salts */
/* sqlite.org/walformat.html 2.1: the last commit, twice. What follows, readers write. */
#define SHM_HEADER_BYTES 96

/* Numbers only, so that there is no padding in what is hashed. */
struct evidence {
    uint64_t traces[SIDES][7];
    unsigned char header[SQLITE_SNAP_HEADER_BYTES + 4];
    unsigned char wal[WAL_HEADER_BYTES];
    unsigned char shm[SHM_HEADER_BYTES];
};

HB_SIZEOF(struct evidence,
          SIDES * 56 + SQLITE_SNAP_HEADER_BYTES + 4 + WAL_HEADER_BYTES + SHM_HEADER_BYTES);

/* False: not told, or none of SQLite's files. */
static bool read_side(struct held *live, enum side side, void *buffer, size_t bytes)
{
    int fd = held_open_side(live, side, O_RDONLY);
    bool read = fd >= 0 && read_fully(fd, buffer, bytes, 0) >= 0;
    if (fd >= 0)
        close(fd);
    return read;
}

static void note_traces(const struct look *look, struct evidence *evidence)
{
    for (int i = 0; i < SIDES; i++) {
        const struct trace *trace = &look->side[i];
        /* Readers write the -shm; what counts of it is its header. */
        if (i == SIDE_SHM || !trace->exists)
            continue;
        const uint64_t numbers[7] = {1,
                                     (uint64_t)trace->inode,
                                     (uint64_t)trace->bytes,
                                     (uint64_t)trace->modified.tv_sec,
                                     (uint64_t)trace->modified.tv_nsec,
                                     (uint64_t)trace->changed.tv_sec,
                                     (uint64_t)trace->changed.tv_nsec};
        memcpy(evidence->traces[i], numbers, sizeof numbers);
    }
}

/* False: cannot tell now. */
static bool gather(struct held *live, struct evidence *evidence)
{
    struct look before, after;
    live_look(live, &before);
    if (!held_sides_are_fit(live) ||
        !read_side(live, SIDE_MAIN, evidence->header, SQLITE_SNAP_HEADER_BYTES))
        return false;
    if (before.side[SIDE_WAL].exists &&
        !read_side(live, SIDE_WAL, evidence->wal, sizeof evidence->wal))
        return false;
    if (before.side[SIDE_SHM].exists &&
        !read_side(live, SIDE_SHM, evidence->shm, sizeof evidence->shm))
        return false;
    live_look(live, &after);
    note_traces(&before, evidence);
    /* A change within the clock's tick that the times are from would leave them as they are. */
    return before.side[SIDE_MAIN].exists && live_same(&before, &after) && !before.racy;
}

/*
 * A copy that was checked quickly does not serve where a full check is asked for, nor one where
 * other tables were counted.
 */
static XXH64_hash_t wanted_of(const struct snap *snap)
{
    XXH64_hash_t wanted = 0;
    for (size_t i = 0; i < snap->count->list_count; i++)
        wanted = XXH3_64bits_withSeed(snap->count->list[i], strlen(snap->count->list[i]), wanted);
    return (wanted << 2) + (snap->check_full ? 2 : 0);
}

int snap_identity(void *self, const struct hb_entry *entry, unsigned char identity[32])
{
    struct snap *snap = self;
    struct held live;
    struct inode_holder holder;
    struct evidence evidence = {0};
    bool told = false;
    if (live_open(snap->host, entry, &live) == 0) {
        inode_guard_enter(&snap->guard, &holder, live.status.st_dev, live.status.st_ino);
        told = gather(&live, &evidence);
        inode_guard_leave(&snap->guard, &holder);
    }
    held_close(&live);
    if (!told)
        return HB_STATUS_NOMATCH;
    XXH64_hash_t seed = wanted_of(snap);
    for (unsigned half = 0; half < 2; half++) {
        XXH128_canonical_t bytes;
        XXH128_canonicalFromHash(&bytes,
                                 XXH3_128bits_withSeed(&evidence, sizeof evidence, seed + half));
        memcpy(identity + 16 * (size_t)half, bytes.digest, 16);
    }
    return HB_OK;
}
