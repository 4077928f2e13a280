/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/receipts.h"

#include "archive/facts.h"
#include "base/memory.h"
#include "files/io.h"
#include "files/regular.h"
#include "files/state_key.h"
#include "files/system_kind.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char file_name[] = "checks";

enum { MOST_BYTES = 1 << 20, LINE_BYTES = 96 };

static const char *const ways[] = {
    [HB_CHECKED_WHOLE] = "whole", [HB_CHECKED_SAMPLE] = "sample", [HB_CHECKED_RESTORE] = "restore"};
static const char *const results[] = {
    [HB_CHECK_OK] = "ok", [HB_CHECK_DOUBTFUL] = "doubtful", [HB_CHECK_DAMAGED] = "damaged"};

const char *hb_receipt_how_word(enum hb_receipt_how how)
{
    return ways[how];
}

const char *hb_receipt_result_word(enum hb_receipt_result result)
{
    return results[result];
}

/* ---- which archive ------------------------------------------------------------------------- */

/* Not by the device: its number may be another one after the next start of the machine. */
void hb_receipt_key_of(const struct stat *file, const char *version, const struct hb_origin *origin,
                       char key[HB_RECEIPT_KEY_BYTES])
{
    unsigned char hash[HB_FACTS_HASH];
    HB_AUTO_FREE char *which =
        file == NULL ? hb_text("store %s", version)
                     : hb_text("file %" PRIu64 " %" PRIu64 " %" PRId64 ".%09ld %" PRId64 ".%09ld",
                               (uint64_t)file->st_ino, (uint64_t)file->st_size,
                               (int64_t)file->st_mtim.tv_sec, file->st_mtim.tv_nsec,
                               (int64_t)file->st_ctim.tv_sec, file->st_ctim.tv_nsec);
    HB_AUTO_FREE char *text =
        origin == NULL ? hb_text("%s", which)
                       : hb_text("%s\n%s\n%" PRId64, which, origin->home, origin->started);
    hb_facts_head(text, strlen(text), hash);
    for (size_t i = 0; i < (HB_RECEIPT_KEY_BYTES - 1) / 2; i++)
        snprintf(key + 2 * i, 3, "%02x", hash[i]);
}

void hb_receipt_key(const struct hb_archive *archive, char key[HB_RECEIPT_KEY_BYTES])
{
    struct stat status;
    const struct hb_trailer *trailer = &archive->trailer;
    bool has = archive->has_trailer && trailer->has_origin && *trailer->origin.home != '\0';
    const struct hb_origin *origin = has ? &trailer->origin : NULL;
    *key = '\0';
    if (archive->opened.store != NULL)
        hb_receipt_key_of(NULL, archive->opened.object.version, origin, key);
    else if (archive->fd >= 0 && fstat(archive->fd, &status) == 0 && S_ISREG(status.st_mode))
        hb_receipt_key_of(&status, NULL, origin, key);
}

bool hb_receipt_key_tells(const struct hb_archive *archive)
{
    struct stat status;
    if (archive->opened.store != NULL)
        return true;
    return archive->fd >= 0 && fstat(archive->fd, &status) == 0 &&
           hb_change_time_tells(hb_change_times_of(archive->fd), &status);
}

/* ---- the file ------------------------------------------------------------------------------ */

/* All of it, ended by '\0'; NULL: there is none, or it is no such file. Caller frees. */
static char *read_text(int directory, size_t *bytes)
{
    struct stat status;
    HB_AUTO_CLOSE int fd = hb_open_regular(directory, file_name, O_RDONLY);
    if (fd < 0 || fstat(fd, &status) != 0 || status.st_size > 2 * MOST_BYTES)
        return NULL;
    char *text = hb_alloc((size_t)status.st_size + 1);
    int64_t got = hb_read_all_at(fd, text, (size_t)status.st_size, 0);
    if (got < 0) {
        free(text);
        return NULL;
    }
    for (int64_t i = 0; i < got; i++) /* no line of ours has one */
        text[i] = text[i] == '\0' ? '\n' : text[i];
    text[got] = '\0';
    *bytes = (size_t)got;
    return text;
}

/* The newer half, under a name of its own and renamed. */
static void forget_oldest(int directory)
{
    char name[64];
    size_t bytes = 0;
    HB_AUTO_FREE char *text = read_text(directory, &bytes);
    const char *half = text == NULL ? NULL : memchr(text + bytes / 2, '\n', bytes - bytes / 2);
    snprintf(name, sizeof name, "%s.%d", file_name, (int)getpid());
    unlinkat(directory, name, 0); /* of one that was killed */
    HB_AUTO_CLOSE int fd =
        openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    size_t left = half == NULL ? 0 : bytes - (size_t)(half + 1 - text);
    if ((left > 0 && hb_write_all(fd, half + 1, left) != 0) ||
        renameat(directory, name, directory, file_name) != 0)
        unlinkat(directory, name, 0);
}

void hb_receipt_write(const char *key, enum hb_receipt_how how, enum hb_receipt_result result)
{
    char line[LINE_BYTES];
    struct stat status;
    HB_AUTO_FREE char *why = NULL;
    HB_AUTO_CLOSE int directory = *key == '\0' ? -1 : hb_state_directory_open(true, &why);
    if (directory < 0)
        return;
    if (fstatat(directory, file_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        (!S_ISREG(status.st_mode) || status.st_size > MOST_BYTES - LINE_BYTES))
        forget_oldest(directory);
    HB_AUTO_CLOSE int fd = openat(
        directory, file_name,
        O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    /* With a newline in front: of a line that was torn, on a full disk say, no other one suffers.
     */
    int bytes = snprintf(line, sizeof line, "\n%s %" PRId64 " %s %s\n", key, (int64_t)time(NULL),
                         ways[how], results[result]);
    if (write(fd, line, (size_t)bytes) < 0)
        return; /* unknown, then */
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool find_word(const char *const *words, int count, const char *word, int *number)
{
    for (*number = 0; *number < count; ++*number)
        if (strcmp(words[*number], word) == 0)
            return true;
    return false;
}

/* Whoever can write there is this user; a line may be torn all the same. */
static bool parse(char *line, struct hb_receipt *receipt)
{
    char *words[4], *end, *rest = line;
    int how, what;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((words[i] = strsep(&rest, " ")) == NULL)
            return false;
    receipt->when = strtoll(words[1], &end, 10);
    if (rest != NULL || *end != '\0' || receipt->when <= 0 ||
        strlen(words[0]) != HB_RECEIPT_KEY_BYTES - 1 ||
        !find_word(ways, HB_CHECKED_WAYS, words[2], &how) ||
        !find_word(results, HB_CHECK_RESULTS, words[3], &what))
        return false;
    memcpy(receipt->key, words[0], HB_RECEIPT_KEY_BYTES);
    receipt->how = (enum hb_receipt_how)how;
    receipt->result = (enum hb_receipt_result)what;
    return true;
}

void hb_receipts_read(struct hb_receipts *receipts)
{
    size_t bytes;
    char *save, *line;
    HB_AUTO_FREE char *why = NULL;
    *receipts = (struct hb_receipts){.rows = NULL};
    HB_AUTO_CLOSE int directory = hb_state_directory_open(false, &why);
    HB_AUTO_FREE char *text = directory < 0 ? NULL : read_text(directory, &bytes);
    if (text == NULL)
        return;
    for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        struct hb_receipt receipt;
        if (!parse(line, &receipt))
            continue;
        if (receipts->count % 256 == 0)
            receipts->rows =
                hb_resize(receipts->rows, receipts->count + 256, sizeof *receipts->rows);
        receipts->rows[receipts->count++] = receipt;
    }
}

const struct hb_receipt *hb_receipts_find(const struct hb_receipts *receipts, const char *key)
{
    for (size_t i = receipts->count; *key != '\0' && i-- > 0;)
        if (strcmp(receipts->rows[i].key, key) == 0)
            return &receipts->rows[i];
    return NULL;
}

void hb_receipts_clear(struct hb_receipts *receipts)
{
    free(receipts->rows);
    *receipts = (struct hb_receipts){.rows = NULL};
}
