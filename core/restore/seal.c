/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/seal.h"

#include "base/memory.h"
#include "files/io.h"
#include "files/state_key.h"
#include <fcntl.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char file_name[] = "seal";
enum { SEAL_BYTES = 32, CHUNK = 1 << 16 };

bool hb_stage_lacks_modes(int stage_fd)
{
    struct stat status;
    return fstat(stage_fd, &status) == 0 && (status.st_mode & 077) != 0;
}

/* Of the stage's name, too: a journal of another day in another stage is not sealed. 0 or -errno.
 */
static int digest(const struct hb_stage *stage, const struct hb_state_key *key, int journal_fd,
                  unsigned char seal[SEAL_BYTES])
{
    static const char purpose[] = "journal 1";
    struct hmac_sha256_ctx hash;
    HB_AUTO_FREE uint8_t *chunk = hb_alloc(CHUNK);
    int64_t got;
    hmac_sha256_set_key(&hash, HB_KEY_BYTES, key->key);
    hmac_sha256_update(&hash, sizeof purpose, (const uint8_t *)purpose);
    hmac_sha256_update(&hash, strlen(stage->name) + 1, (const uint8_t *)stage->name);
    for (uint64_t at = 0; (got = hb_read_all_at(journal_fd, chunk, CHUNK, at)) > 0;
         at += (uint64_t)got)
        hmac_sha256_update(&hash, (size_t)got, chunk);
    hmac_sha256_digest(&hash, SEAL_BYTES, seal);
    return (int)got;
}

static void find_key(bool make, struct hb_state_key *key)
{
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    hb_state_key_find(make, key);
}

int hb_seal_make(const struct hb_stage *stage, int journal_fd, const char **why)
{
    struct hb_state_key key;
    unsigned char seal[SEAL_BYTES];
    find_key(true, &key);
    *why = key.known ? NULL : "this installation has no key that only its user can read";
    bool known = key.known && digest(stage, &key, journal_fd, seal) == 0;
    hb_state_key_clear(&key);
    if (!known)
        return -1;
    *why = "its seal cannot be written";
    HB_AUTO_CLOSE int fd =
        openat(stage->fd, file_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 || hb_write_all(fd, seal, sizeof seal) != 0 || fsync(fd) != 0 ? -1 : 0;
}

/* What is believed must not change behind our back. A descriptor, or -1. */
static int copy_journal(const struct hb_stage *stage)
{
    HB_AUTO_CLOSE int journal =
        openat(stage->fd, HB_STAGE_JOURNAL, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int copy = journal < 0 ? -1 : memfd_create("hbcore-journal", MFD_CLOEXEC);
    if (copy >= 0 && hb_copy_all(journal, copy) == 0)
        return copy;
    if (copy >= 0)
        close(copy);
    return -1;
}

int hb_seal_open(const struct hb_stage *stage)
{
    struct hb_state_key key;
    unsigned char seal[SEAL_BYTES], wanted[SEAL_BYTES];
    HB_AUTO_CLOSE int fd =
        openat(stage->fd, file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || hb_read_all_at(fd, seal, sizeof seal, 0) != SEAL_BYTES)
        return -1;
    int journal = copy_journal(stage);
    if (journal < 0)
        return -1;
    find_key(false, &key);
    bool holds = key.known && digest(stage, &key, journal, wanted) == 0 &&
                 memeql_sec(seal, wanted, sizeof seal) != 0;
    hb_state_key_clear(&key);
    if (holds)
        return journal;
    close(journal);
    return -1;
}
