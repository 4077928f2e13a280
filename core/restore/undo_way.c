/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/undo_way.h"

#include "base/memory.h"
#include "base/path.h"
#include "base/url.h"
#include "files/io.h"
#include "files/rights.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { PIECE = 128 << 10 /* at either end */ };

/* 0; or why it cannot be read. -ENOTSUP: it is not a file; nobody waits for a FIFO. -EISDIR: a
 * directory, or one behind a URL, of which nothing is known. */
static int mark_of(const char *where, char **mark)
{
    HB_AUTO_FREE char *path = hb_expand_path(where); /* it may be a file: URL */
    struct stat status;
    HB_AUTO_FREE char *pieces = hb_alloc((size_t)2 * PIECE);
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    if (hb_url_scheme(path) > 0)
        return -EISDIR;
    if (stat(path, &status) != 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if (!S_ISREG(status.st_mode))
        return -ENOTSUP;
    HB_AUTO_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -ENOTSUP;
    uint64_t size = (uint64_t)status.st_size, end = size > PIECE ? size - PIECE : 0;
    int64_t first = hb_read_all_at(fd, pieces, PIECE, 0);
    int64_t last = first < 0 ? first : hb_read_all_at(fd, pieces + first, PIECE, end);
    if (last < 0)
        return (int)last;
    XXH128_hash_t hash = XXH3_128bits(pieces, (size_t)(first + last));
    *mark = hb_text("%" PRIu64 " %016" PRIx64 "%016" PRIx64, size, (uint64_t)hash.high64,
                    (uint64_t)hash.low64);
    return 0;
}

char *hb_undo_way_mark(const char *path)
{
    char *mark = NULL;
    return *path != '\0' && mark_of(path, &mark) == 0 ? mark : hb_copy_text("");
}

const char *hb_undo_way_problem(const struct hb_undo_way *way, const char *path)
{
    HB_AUTO_FREE char *now = NULL;
    if (way->is_snapshot || *path == '\0')
        return NULL;
    bool known = way->mark != NULL && *way->mark != '\0';
    int result = mark_of(path, &now);
    if (result == -ENOTSUP)
        return "is not a file any more";
    if (!known || (result != 0 && result != -EISDIR) ||
        (result == 0 && strcmp(way->mark, now) == 0))
        return NULL;
    return "is another archive than the one that was made then, or has been changed";
}
