/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/undo_receipt.h"

#include "base/memory.h"
#include "files/io.h"
#include "files/regular.h"
#include "files/state_key.h"
#include <errno.h>
#include <fcntl.h>
#include <hbcore/entry.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static const char magic[] = "hbcore-undo 1";

enum { NAME_BYTES = 96, LINE_BYTES = 160 };

/* ---- the way back -------------------------------------------------------------------------- */

static const char below[] = "./";

char *hb_undo_place(const struct hb_root *home, const char *path)
{
    size_t bytes = strlen(home->path);
    return strncmp(path, home->path, bytes) == 0 && path[bytes] == '/'
               ? hb_text("%s%s", below, path + bytes + 1)
               : hb_copy_text(path);
}

char *hb_undo_path(const struct hb_root *home, const char *place)
{
    return strncmp(place, below, sizeof below - 1) == 0
               ? hb_text("%s/%s", home->path, place + sizeof below - 1)
               : hb_copy_text(place);
}

/* ---- in memory ----------------------------------------------------------------------------- */

static struct hb_undo_root *add_root(struct hb_undo_receipt *receipt, const char *name,
                                     const char *path)
{
    struct hb_undo_root *root = hb_alloc(sizeof *root);
    root->next = receipt->roots;
    root->name = hb_copy_text(name);
    root->path = hb_copy_text(path);
    receipt->roots = root;
    return root;
}

static void clear_roots(struct hb_undo_receipt *receipt)
{
    while (receipt->roots != NULL) {
        struct hb_undo_root *root = receipt->roots;
        receipt->roots = root->next;
        free(root->name);
        free(root->path);
        free(root);
    }
}

static size_t number_of(const struct hb_undo_root *root)
{
    size_t number = 0;
    for (; root != NULL; root = root->next)
        number++;
    return number;
}

static const struct hb_undo_root *root_at(const struct hb_undo_receipt *receipt, size_t number)
{
    const struct hb_undo_root *root = receipt->roots;
    while (root != NULL && number_of(root) != number)
        root = root->next;
    return root;
}

static bool are_same(const struct hb_undo_root *one, const struct hb_undo_root *other)
{
    return one->is_mount == other->is_mount && one->inode == other->inode &&
           one->seconds == other->seconds && one->nanoseconds == other->nanoseconds &&
           strcmp(one->name, other->name) == 0 && strcmp(one->path, other->path) == 0;
}

const struct hb_undo_root *hb_undo_root_in(struct hb_undo_receipt *receipt,
                                           const struct hb_undo_root *root)
{
    const struct hb_undo_root *known = receipt->roots;
    if (root == NULL)
        return NULL;
    while (known != NULL && !are_same(known, root))
        known = known->next;
    if (known != NULL)
        return known;
    struct hb_undo_root *copy = add_root(receipt, root->name, root->path);
    copy->is_mount = root->is_mount;
    copy->inode = root->inode;
    copy->seconds = root->seconds;
    copy->nanoseconds = root->nanoseconds;
    return copy;
}

static void clear_row(struct hb_undo_row *row)
{
    free(row->path);
    free(row->link);
}

void hb_undo_receipt_clear(struct hb_undo_receipt *receipt)
{
    for (size_t i = 0; i < receipt->count; i++)
        clear_row(&receipt->rows[i]);
    for (size_t i = 0; i < receipt->missed_count; i++)
        free(receipt->missed[i].path);
    free(receipt->missed);
    free(receipt->rows);
    free(receipt->stage);
    free(receipt->what);
    free(receipt->way.place);
    free(receipt->left.place);
    free(receipt->way.mark);
    free(receipt->left.mark);
    clear_roots(receipt);
    *receipt = (struct hb_undo_receipt){.rows = NULL};
}

struct hb_undo_row *hb_undo_add(struct hb_undo_receipt *receipt, const char *path)
{
    if ((receipt->count & (receipt->count - 1)) == 0) /* it doubles */
        receipt->rows = hb_resize(receipt->rows, receipt->count == 0 ? 1 : 2 * receipt->count,
                                  sizeof *receipt->rows);
    struct hb_undo_row *row = &receipt->rows[receipt->count++];
    *row = (struct hb_undo_row){.path = hb_copy_text(path), .link = hb_copy_text("")};
    return row;
}

void hb_undo_keep(struct hb_undo_receipt *receipt, bool (*keep)(const struct hb_undo_row *row))
{
    size_t stay = 0;
    for (size_t i = 0; i < receipt->count; i++)
        if (keep(&receipt->rows[i]))
            receipt->rows[stay++] = receipt->rows[i];
        else
            clear_row(&receipt->rows[i]);
    receipt->count = stay;
}

/* ---- the text ------------------------------------------------------------------------------ */

static void put(FILE *to, const char *text)
{
    fwrite(text, 1, strlen(text) + 1, to);
}

static void put_way(FILE *to, const struct hb_undo_way *way)
{
    put(to, way->place == NULL ? "none" : way->is_snapshot ? "snapshot" : "archive");
    put(to, way->place == NULL ? "" : way->place);
    put(to, way->mark == NULL ? "" : way->mark);
}

static char letter_of(uint8_t type)
{
    return type == HB_TYPE_DIRECTORY ? 'd' : type == HB_TYPE_SYMLINK ? 'l' : 'f';
}

static void put_note(const unsigned char note[HB_NOTE_CONTENT_BYTES], char *text)
{
    for (size_t i = 0; i < HB_NOTE_CONTENT_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)note[i]);
}

static void put_row(FILE *to, const struct hb_undo_row *row)
{
    char line[LINE_BYTES], note[2 * HB_NOTE_CONTENT_BYTES + 1];
    put_note(row->note, note);
    snprintf(line, sizeof line, "%c %u %u %u %u %zu %s", letter_of(row->type), row->was, row->flags,
             row->old_mode, row->mode, number_of(row->root), note);
    put(to, line);
    put(to, row->path);
    put(to, row->link);
}

static void put_root(FILE *to, const struct hb_undo_root *root)
{
    char line[LINE_BYTES];
    snprintf(line, sizeof line, "%c %" PRIu64 " %" PRId64 " %" PRIu32 " ",
             root->is_mount ? 'm' : 'r', root->inode, root->seconds, root->nanoseconds);
    put(to, line);
    put(to, root->name);
    put(to, root->path);
}

/* All of it; caller frees. */
static char *text_of(const struct hb_undo_receipt *receipt, size_t *bytes)
{
    char *text = NULL, line[LINE_BYTES];
    FILE *to = open_memstream(&text, bytes);
    if (to == NULL)
        return NULL;
    put(to, magic);
    put(to, receipt->home);
    put(to, receipt->stage);
    put(to, receipt->what);
    put_way(to, &receipt->way);
    put_way(to, &receipt->left);
    snprintf(line, sizeof line, "%zu", number_of(receipt->roots));
    put(to, line);
    for (size_t i = 1; i <= number_of(receipt->roots); i++)
        put_root(to, root_at(receipt, i));
    snprintf(line, sizeof line, "%zu", receipt->count);
    put(to, line);
    for (size_t i = 0; i < receipt->count; i++)
        put_row(to, &receipt->rows[i]);
    fflush(to);
    snprintf(line, sizeof line, "end %016" PRIx64, (uint64_t)XXH3_64bits(text, *bytes));
    put(to, line);
    if (fclose(to) == 0)
        return text;
    free(text);
    return NULL;
}

struct reader {
    const char *at, *end;
    bool wrong;
};

static const char *take(struct reader *reader)
{
    const char *text = reader->at;
    const char *nul = reader->wrong || text >= reader->end
                          ? NULL
                          : memchr(text, '\0', (size_t)(reader->end - text));
    if (nul == NULL) {
        reader->wrong = true;
        return "";
    }
    reader->at = nul + 1;
    return text;
}

/* A number in front of a blank. */
static bool take_number(const char **at, uint64_t most, uint64_t *number)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    *number = strtoull(*at, &end, 10);
    if (*end != ' ' || *number > most)
        return false;
    *at = end + 1;
    return true;
}

static bool read_note(const char *text, unsigned char note[HB_NOTE_CONTENT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(text) != 2 * (size_t)HB_NOTE_CONTENT_BYTES ||
        strspn(text, digits) != 2 * (size_t)HB_NOTE_CONTENT_BYTES)
        return false;
    for (size_t i = 0; i < HB_NOTE_CONTENT_BYTES; i++)
        note[i] = (unsigned char)((strchr(digits, text[2 * i]) - digits) << 4 |
                                  (strchr(digits, text[2 * i + 1]) - digits));
    return true;
}

static void take_way(struct reader *reader, struct hb_undo_way *way)
{
    const char *kind = take(reader), *place = take(reader), *mark = take(reader);
    way->is_snapshot = strcmp(kind, "snapshot") == 0;
    if (strcmp(kind, "none") != 0)
        way->place = hb_copy_text(place);
    way->mark = hb_copy_text(mark);
}

static void take_root(struct reader *reader, struct hb_undo_receipt *receipt)
{
    static const uint64_t most[] = {UINT64_MAX, INT64_MAX, UINT32_MAX};
    uint64_t numbers[3];
    const char *line = take(reader), *name = take(reader), *path = take(reader), *at = line + 2;
    bool right = (*line == 'm' || *line == 'r') && line[1] == ' ' && *name != '\0';
    for (int i = 0; i < 3 && right; i++)
        right = take_number(&at, most[i], &numbers[i]);
    reader->wrong |= !right;
    if (!right)
        return;
    struct hb_undo_root *root = add_root(receipt, name, path);
    root->is_mount = *line == 'm';
    root->inode = numbers[0];
    root->seconds = (int64_t)numbers[1];
    root->nanoseconds = (uint32_t)numbers[2];
}

/* A path that another version, or a hand, has put there must not lead outside. */
static bool is_plain(const char *path)
{
    if (*path == '\0')
        return false;
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += at != path;
        size_t bytes = strcspn(at, "/");
        if (bytes == 0 || (bytes == 1 && *at == '.') || (bytes == 2 && memcmp(at, "..", 2) == 0))
            return false;
    }
    return true;
}

static void take_row(struct reader *reader, struct hb_undo_receipt *receipt)
{
    static const char letters[] = "dlf";
    static const uint64_t most[] = {HB_UNDO_GONE, UINT8_MAX, 07777, 07777, SIZE_MAX};
    uint64_t numbers[5];
    const char *line = take(reader), *path = take(reader), *link = take(reader), *at = line + 2;
    bool right =
        *line != '\0' && strchr(letters, *line) != NULL && line[1] == ' ' && is_plain(path);
    for (int i = 0; i < 5 && right; i++)
        right = take_number(&at, most[i], &numbers[i]);
    if (!right) {
        reader->wrong = true;
        return;
    }
    struct hb_undo_row *row = hb_undo_add(receipt, path);
    free(row->link);
    row->link = hb_copy_text(link);
    row->type = *line == 'd' ? HB_TYPE_DIRECTORY : *line == 'l' ? HB_TYPE_SYMLINK : HB_TYPE_FILE;
    row->was = (uint8_t)numbers[0];
    row->flags = (uint8_t)numbers[1];
    row->old_mode = (uint16_t)numbers[2];
    row->mode = (uint16_t)numbers[3];
    row->root = root_at(receipt, numbers[4]);
    reader->wrong |= (row->root == NULL && numbers[4] != 0) || !read_note(at, row->note);
}

/* The last ones may be torn, and then say nothing. */
static void take_notes(struct reader *reader, struct hb_undo_receipt *receipt)
{
    static const char note_word[] = "note ";
    while (reader->at < reader->end && !reader->wrong) {
        uint64_t row;
        unsigned char note[HB_NOTE_CONTENT_BYTES];
        const char *line = take(reader), *at = line + sizeof note_word - 1;
        receipt->told |= strcmp(line, "told") == 0;
        if (strncmp(line, note_word, sizeof note_word - 1) != 0 ||
            !take_number(&at, UINT32_MAX, &row) || row >= receipt->count || !read_note(at, note))
            continue;
        memcpy(receipt->rows[row].note, note, sizeof note);
        receipt->rows[row].flags |= HB_UNDO_HAS_NOTE;
    }
}

static bool parse(const char *text, size_t bytes, struct hb_undo_receipt *receipt)
{
    struct reader reader = {text, text + bytes, false};
    char wanted[32], *end;
    if (strcmp(take(&reader), magic) != 0)
        return false;
    snprintf(receipt->home, sizeof receipt->home, "%s", take(&reader));
    receipt->stage = hb_copy_text(take(&reader));
    receipt->what = hb_copy_text(take(&reader));
    take_way(&reader, &receipt->way);
    take_way(&reader, &receipt->left);
    unsigned long long roots = strtoull(take(&reader), &end, 10);
    for (unsigned long long i = 0; i < roots && !reader.wrong; i++)
        take_root(&reader, receipt);
    unsigned long long rows = strtoull(take(&reader), &end, 10);
    for (unsigned long long i = 0; i < rows && !reader.wrong; i++)
        take_row(&reader, receipt);
    size_t hashed = (size_t)(reader.at - text);
    snprintf(wanted, sizeof wanted, "end %016" PRIx64, (uint64_t)XXH3_64bits(text, hashed));
    if (reader.wrong || receipt->way.place == NULL || strcmp(take(&reader), wanted) != 0)
        return false;
    take_notes(&reader, receipt);
    return true;
}

/* ---- the files ----------------------------------------------------------------------------- */

static void name_of(const char *home, enum hb_undo_which which, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "undo-%s%s", home, which == HB_UNDO_NEXT ? ".next" : "");
}

static int open_state(bool make, char **why)
{
    char *said = NULL;
    int fd = hb_state_directory_open(make, &said);
    int result = fd >= 0 ? fd : said == NULL ? -ENOENT : -EPERM;
    if (why != NULL)
        *why = said;
    else
        free(said);
    return result;
}

/* Nobody else can have written it. */
static bool is_ours(const struct stat *status)
{
    return S_ISREG(status->st_mode) && status->st_uid == geteuid() && (status->st_mode & 077) == 0;
}

int hb_undo_read(const char *home, enum hb_undo_which which, struct hb_undo_receipt *receipt)
{
    char name[NAME_BYTES];
    struct stat status;
    *receipt = (struct hb_undo_receipt){.rows = NULL};
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    HB_AUTO_CLOSE int directory = open_state(false, NULL);
    if (directory < 0 || *home == '\0')
        return directory < 0 ? directory : -ENOENT;
    name_of(home, which, name);
    HB_AUTO_CLOSE int fd = hb_open_regular(directory, name, O_RDONLY);
    if (fd < 0 || fstat(fd, &status) != 0)
        return fd < 0 ? fd : -errno;
    if (!is_ours(&status))
        return -EPERM;
    HB_AUTO_FREE char *text = hb_alloc((size_t)status.st_size + 1);
    int64_t got = hb_read_all_at(fd, text, (size_t)status.st_size, 0);
    if (got < 0)
        return (int)got;
    if (parse(text, (size_t)got, receipt) && strcmp(receipt->home, home) == 0)
        return 0;
    hb_undo_receipt_clear(receipt);
    return -EBADMSG;
}

/* Under a name of its own and renamed. */
static int write_file(int directory, const char *name, const char *text, size_t bytes)
{
    char own[NAME_BYTES + 32];
    snprintf(own, sizeof own, "%s.%d", name, (int)getpid());
    unlinkat(directory, own, 0); /* of one that was killed */
    HB_AUTO_CLOSE int fd =
        openat(directory, own, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int result = hb_write_all(fd, text, bytes);
    if (result == 0 &&
        (fchmod(fd, 0600) != 0 || fsync(fd) != 0 || renameat(directory, own, directory, name) != 0))
        result = -errno;
    if (result != 0)
        unlinkat(directory, own, 0);
    return result == 0 ? hb_flush_directory(directory) : result;
}

int hb_undo_write(const struct hb_undo_receipt *receipt, enum hb_undo_which which, char **why)
{
    char name[NAME_BYTES];
    size_t bytes = 0;
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    HB_AUTO_CLOSE int directory = open_state(true, why);
    if (directory < 0)
        return directory;
    name_of(receipt->home, which, name);
    HB_AUTO_FREE char *text = text_of(receipt, &bytes);
    int result = text == NULL ? -ENOMEM : write_file(directory, name, text, bytes);
    if (result != 0 && why != NULL)
        *why = hb_text("%s", strerror(-result));
    return result;
}

/* A record behind a receipt; with `more` flags, which say whether it is on the disk then. */
static void append(const char *home, enum hb_undo_which which, const char *line, int more)
{
    char name[NAME_BYTES];
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    HB_AUTO_CLOSE int directory = open_state(false, NULL);
    name_of(home, which, name);
    HB_AUTO_CLOSE int fd =
        directory < 0 ? -1
                      : openat(directory, name,
                               O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | more);
    if (fd < 0 || write(fd, line, strlen(line) + 1) < 0)
        return; /* then it is unknown */
}

void hb_undo_append(const struct hb_undo_receipt *receipt, size_t row)
{
    char line[LINE_BYTES], note[2 * HB_NOTE_CONTENT_BYTES + 1];
    put_note(receipt->rows[row].note, note);
    snprintf(line, sizeof line, "note %zu %s", row, note);
    append(receipt->home, HB_UNDO_NEXT, line, 0);
}

void hb_undo_tell(const char *home)
{
    append(home, HB_UNDO_LAST, "told", O_DSYNC); /* one call: the last, or not made */
}

void hb_undo_forget(const char *home, enum hb_undo_which which)
{
    char name[NAME_BYTES];
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    HB_AUTO_CLOSE int directory = open_state(false, NULL);
    name_of(home, which, name);
    if (directory >= 0 && unlinkat(directory, name, 0) == 0)
        (void)hb_flush_directory(directory);
}

/* ---- retention ----------------------------------------------------------------------------- */

static void add_way(const struct hb_root *home, struct hb_undo_ways *ways,
                    const struct hb_undo_way *way)
{
    if (way->place == NULL || *way->place == '\0')
        return;
    ways->ways[ways->count].place = hb_undo_path(home, way->place);
    ways->ways[ways->count++].is_snapshot = way->is_snapshot;
}

/* What an import was about to do that was killed before it did counts no more. */
static bool counts(const struct hb_root *home, enum hb_undo_which which,
                   const struct hb_undo_receipt *receipt)
{
    struct stat stage;
    return which == HB_UNDO_LAST ||
           fstatat(home->fd, receipt->stage, &stage, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

void hb_undo_ways_read(const struct hb_root *home, const struct hb_home_id *id,
                       struct hb_undo_ways *ways)
{
    *ways = (struct hb_undo_ways){.count = 0};
    for (int i = 0; i < 4; i++) {
        struct hb_undo_receipt receipt;
        const char *name = i < 2 ? id->id : id->by_place;
        enum hb_undo_which which = i % 2 == 0 ? HB_UNDO_LAST : HB_UNDO_NEXT;
        if (hb_undo_read(name, which, &receipt) == 0 && counts(home, which, &receipt)) {
            add_way(home, ways, &receipt.way);
            add_way(home, ways, &receipt.left);
        }
        hb_undo_receipt_clear(&receipt);
    }
}

void hb_undo_ways_clear(struct hb_undo_ways *ways)
{
    for (size_t i = 0; i < ways->count; i++)
        free(ways->ways[i].place);
    ways->count = 0;
}

static bool is_same_file(const char *one, const char *other)
{
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

bool hb_undo_ways_have(const struct hb_undo_ways *ways, const char *path, bool is_snapshot)
{
    for (size_t i = 0; i < ways->count; i++)
        if (ways->ways[i].is_snapshot == is_snapshot &&
            (strcmp(ways->ways[i].place, path) == 0 ||
             (!is_snapshot && is_same_file(ways->ways[i].place, path))))
            return true;
    return false;
}
