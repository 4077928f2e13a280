/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite-snap: an instance of the plugin, which all its parts are handed. */
#ifndef SQLITE_SNAP_H
#define SQLITE_SNAP_H

#include "holders.h"
#include "inode_guard.h"

#include <hbcore/content.h>
#include <stdbool.h>

#define SQLITE_SNAP_HEADER_BYTES 100 /* of a database file; sqlite.org/fileformat.html 1.3 */

/* The option `snapshot`, in the order of its choices. */
enum snapshot_ways { SNAPSHOT_AUTO, SNAPSHOT_IN_PLACE, SNAPSHOT_COPY };

/* One instance. Constant after create(), but for the last two. */
struct snap {
    const struct hb_host *host;
    const struct hb_value *suffixes;
    const struct hb_value *count; /* names of tables */
    const struct hb_value *fewer; /* the same, that a restore compares */
    int64_t wait_s;
    enum snapshot_ways ways;
    int64_t hold_s;     /* a database that is read in place, once it has changed */
    uint64_t wal_limit; /* and by how much its log may grow */
    bool locked_raw;    /* store the bytes of a locked database as they are */
    bool check_full;    /* copies of a backup, too, are checked in full */
    uint64_t check_limit;
    bool force_held; /* restore though a program has the deleted one open */
    struct inode_guard guard;
    struct lost_files lost; /* of restore(), which is called one at a time */
};

#endif
