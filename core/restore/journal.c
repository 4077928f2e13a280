/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/journal.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/access.h"
#include "files/io.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#define MAGIC   "hbcore-journal 2 "
#define MAGIC_1 "hbcore-journal 1 " /* without notes */
#define DAMAGED "the journal of an interrupted import is damaged"

enum { FIELDS = 7, CHUNK = 1 << 16, LONGEST_END = 64 };

void hb_tree_name(uint64_t number, char *name)
{
    snprintf(name, 24, "t%llu", (unsigned long long)number);
}

void hb_staged_name(uint64_t index, char *name)
{
    snprintf(name, 24, "m%" PRIu64, index);
}

/*
 * Tells the directory from every copy of it. An inode number alone does not: when a home is removed
 * and put back from a copy, the new directory may get the number of the old one. `born`: with the
 * time of its birth, where the file system keeps one. 0: unknown.
 */
static uint64_t directory_number(int fd, bool born)
{
    struct statx now;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &now) != 0)
        return 0;
    if (!born || (now.stx_mask & STATX_BTIME) == 0)
        return now.stx_ino;
    uint64_t parts[] = {now.stx_ino, (uint64_t)now.stx_btime.tv_sec, now.stx_btime.tv_nsec};
    return XXH3_64bits(parts, sizeof parts);
}

/* A release before wrote the inode number alone. */
static bool is_copied(uint64_t number, int fd)
{
    return number != 0 && number != directory_number(fd, true) &&
           number != directory_number(fd, false);
}

/* ---- writing ------------------------------------------------------------------------------- */

struct hb_journal_writer {
    struct hb_stage *stage;
    char *name; /* until it is committed */
    FILE *file;
    XXH3_state_t *hash;
    uint64_t rows;
};

static void put_bytes(struct hb_journal_writer *writer, const char *text, size_t bytes)
{
    XXH3_64bits_update(writer->hash, text, bytes);
    fwrite(text, 1, bytes, writer->file); /* hb_journal_finish asks ferror */
}

static void put(struct hb_journal_writer *writer, const char *text)
{
    put_bytes(writer, text, strlen(text) + 1);
}

int hb_journal_create(struct hb_stage *stage, const char *archive,
                      struct hb_journal_writer **writer, struct hb_error *error)
{
    struct hb_journal_writer *made = hb_alloc(sizeof *made);
    made->stage = stage;
    int fd = hb_stage_file(stage, "journal", &made->name, error);
    made->file = fd < 0 ? NULL : fdopen(fd, "w+");
    made->hash = XXH3_createState();
    if (made->file == NULL || made->hash == NULL) {
        if (fd >= 0)
            hb_error_set(error, HB_STATUS_FATAL, "out of memory for the journal");
        hb_journal_writer_free(made);
        return HB_STATUS_FATAL;
    }
    XXH3_64bits_reset(made->hash);
    HB_AUTO_FREE char *head =
        hb_text(MAGIC "%" PRIu64 " %s", directory_number(stage->fd, true), archive);
    put(made, head);
    *writer = made;
    return HB_OK;
}

void hb_journal_add_stage(struct hb_journal_writer *writer, unsigned number, const char *path)
{
    HB_AUTO_FREE char *text = hb_text("stage %u", number);
    put(writer, text);
    put(writer, path);
}

void hb_journal_add(struct hb_journal_writer *writer, const struct hb_journal_row *row)
{
    char files[24] = "", owner[32] = "";
    if (row->flags & HB_ROW_OWNER)
        snprintf(owner, sizeof owner, " %" PRIu32 " %" PRIu32, row->user, row->group);
    if (row->flags & HB_ROW_TREE)
        snprintf(files, sizeof files, "%" PRIu64, row->files);
    HB_AUTO_FREE char *text = hb_text(
        "%c %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu32 " %" PRId64 " %" PRIu32 " %" PRIu64 "%s",
        row->flags & HB_ROW_TREE         ? 't'
        : row->type == HB_TYPE_DIRECTORY ? 'd'
        : row->type == HB_TYPE_SYMLINK   ? 'l'
                                         : 'f',
        row->flags, row->stage, row->index, row->mode, row->mtime_seconds, row->mtime_nanoseconds,
        row->bytes, owner);
    put(writer, text);
    put(writer, row->path);
    put(writer, row->flags & HB_ROW_TREE ? files : row->link == NULL ? "" : row->link);
    char note[HB_NOTE_TEXT];
    hb_target_note_write(&row->note, row->content, note);
    put(writer, note);
    writer->rows++;
}

static int cannot_write(const struct hb_journal_writer *writer, struct hb_error *error)
{
    int reason = errno;
    hb_error_set(error, HB_STATUS_FATAL, "%s: the journal cannot be written: %s",
                 writer->stage->path, strerror(reason));
    hb_error_space(error, reason, " and try again; nothing was changed");
    return HB_STATUS_FATAL;
}

int hb_journal_finish(struct hb_journal_writer *writer, struct hb_error *error)
{
    HB_AUTO_FREE char *end = hb_text("end %" PRIu64 " ", writer->rows);
    put_bytes(writer, end, strlen(end));
    HB_AUTO_FREE char *hash = hb_text("%016" PRIx64, (uint64_t)XXH3_64bits_digest(writer->hash));
    put(writer, hash);
    if (fflush(writer->file) != 0 || ferror(writer->file) || fsync(fileno(writer->file)) != 0)
        return cannot_write(writer, error);
    return HB_OK;
}

int hb_journal_descriptor(const struct hb_journal_writer *writer)
{
    return fileno(writer->file);
}

int hb_journal_commit(struct hb_journal_writer *writer, struct hb_error *error)
{
    int fd = writer->stage->fd;
    if (renameat(fd, writer->name, fd, HB_STAGE_JOURNAL) != 0)
        return cannot_write(writer, error);
    free(writer->name);
    writer->name = NULL;
    int flushed = hb_flush_directory(fd);
    if (flushed != 0) {
        errno = -flushed;
        int status = cannot_write(writer, error);
        unlinkat(fd, HB_STAGE_JOURNAL, 0);
        return status;
    }
    return HB_OK;
}

void hb_journal_writer_free(struct hb_journal_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->file != NULL)
        fclose(writer->file);
    XXH3_freeState(writer->hash);
    free(writer->name);
    free(writer);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct record {
    char *text;
    size_t capacity;
};

struct hb_journal {
    FILE *file;
    char *archive;
    uint64_t rows_left;
    bool has_notes, is_copy;
    uint64_t number; /* of the directory that it was written in; 0: unknown */
    struct record head, path, link, note;
};

/* It is not as it was written; or that is unknown, for it was not read: it may be all there is.
 */
static int damaged(FILE *file, struct hb_error *error)
{
    int reason = errno;
    if (file != NULL && !ferror(file) && reason != EIO && reason != ENOMEM)
        return hb_error_set(error, HB_STATUS_FATAL, DAMAGED);
    return hb_error_set(error, HB_STATUS_ENTRY,
                        "the journal of an interrupted import cannot be read: %s",
                        strerror(reason));
}

/* Reads up to the next NUL; false at the end, or when the last one is missing. */
static bool read_record(FILE *file, struct record *record)
{
    ssize_t bytes = getdelim(&record->text, &record->capacity, '\0', file);
    return bytes > 0 && record->text[bytes - 1] == '\0';
}

/* One number in decimal, then a blank or the end. */
static bool take_number(char **at, uint64_t *number)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    errno = 0;
    *number = strtoull(*at, &end, 10);
    if (errno != 0 || (*end != ' ' && *end != '\0'))
        return false;
    *at = *end == ' ' ? end + 1 : end;
    return true;
}

/* The last record, which also says where the hashed bytes end. */
static bool find_end(FILE *file, uint64_t *hashed, uint64_t *rows, uint64_t *hash)
{
    char tail[LONGEST_END];
    if (fseeko(file, 0, SEEK_END) != 0)
        return false;
    off_t size = ftello(file);
    size_t bytes = size < LONGEST_END ? (size_t)size : LONGEST_END;
    if (size <= 0 || fseeko(file, -(off_t)bytes, SEEK_END) != 0 ||
        fread(tail, 1, bytes, file) != bytes || tail[bytes - 1] != '\0')
        return false;
    char *start = memrchr(tail, '\0', bytes - 1);
    if (start == NULL || strncmp(start + 1, "end ", 4) != 0)
        return false;
    char *at = start + 5, again[17];
    if (!take_number(&at, rows))
        return false;
    *hash = strtoull(at, NULL, 16);
    snprintf(again, sizeof again, "%016" PRIx64, *hash);
    *hashed = (uint64_t)size - (uint64_t)(tail + bytes - at);
    return strcmp(at, again) == 0;
}

static bool hash_is_right(FILE *file, uint64_t hashed, uint64_t wanted)
{
    XXH3_state_t *state = XXH3_createState();
    HB_AUTO_FREE unsigned char *chunk = malloc(CHUNK);
    bool right = state != NULL && chunk != NULL && fseeko(file, 0, SEEK_SET) == 0;
    if (right)
        XXH3_64bits_reset(state);
    while (right && hashed > 0) {
        size_t bytes = hashed < CHUNK ? (size_t)hashed : CHUNK;
        right = fread(chunk, 1, bytes, file) == bytes;
        if (right)
            XXH3_64bits_update(state, chunk, bytes);
        hashed -= bytes;
    }
    right = right && XXH3_64bits_digest(state) == wanted;
    XXH3_freeState(state);
    return right;
}

/* What the first record says. False: it is none. */
static bool read_head(struct hb_journal *journal)
{
    char *at = journal->head.text + strlen(MAGIC); /* both are as long */
    journal->has_notes = strncmp(journal->head.text, MAGIC, strlen(MAGIC)) == 0;
    if (!journal->has_notes && strncmp(journal->head.text, MAGIC_1, strlen(MAGIC_1)) != 0)
        return false;
    if (journal->has_notes && !take_number(&at, &journal->number))
        return false;
    journal->archive = hb_copy_text(at);
    return true;
}

int hb_journal_read(FILE *file, struct hb_journal **journal, struct hb_error *error)
{
    struct hb_journal *made = hb_alloc(sizeof *made);
    uint64_t hashed, hash;
    made->file = file;
    errno = 0;
    if (!find_end(file, &hashed, &made->rows_left, &hash) || !hash_is_right(file, hashed, hash) ||
        fseeko(file, 0, SEEK_SET) != 0 || !read_record(file, &made->head) || !read_head(made)) {
        int status = damaged(file, error);
        hb_journal_close(made);
        return status;
    }
    *journal = made;
    return HB_OK;
}

int hb_journal_open(int stage_fd, struct hb_journal **journal, struct hb_error *error)
{
    struct stat status;
    int fd = openat(stage_fd, HB_STAGE_JOURNAL, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return HB_STATUS_NOMATCH;
    if (fd < 0)
        return hb_error_set(error, HB_STATUS_ENTRY,
                            "the journal of an interrupted import cannot be opened: %s",
                            strerror(errno));
    FILE *file = fdopen(fd, "r");
    bool looked = file != NULL && fstat(fd, &status) == 0;
    if (looked && S_ISREG(status.st_mode) && status.st_uid == hb_rights_user()) {
        int result = hb_journal_read(file, journal, error);
        if (result == HB_OK)
            (*journal)->is_copy = is_copied((*journal)->number, stage_fd);
        return result;
    }
    int result = looked ? hb_error_set(error, HB_STATUS_FATAL, DAMAGED) : damaged(NULL, error);
    if (file != NULL)
        fclose(file);
    else
        close(fd);
    return result;
}

bool hb_journal_is_copy(const struct hb_journal *journal)
{
    return journal->is_copy;
}

bool hb_journal_owner(const struct hb_journal_row *row, struct hb_owner *owner)
{
    if ((row->flags & HB_ROW_OWNER) == 0)
        return false;
    *owner = hb_owner_known(row->user, row->group);
    owner->fixed = true;
    return true;
}

const char *hb_journal_archive(const struct hb_journal *journal)
{
    return journal->archive;
}

/* -1 is none: chown() would leave it as it is. */
static bool take_owner(char **at, struct hb_journal_row *row)
{
    uint64_t user, group;
    if (!take_number(at, &user) || !take_number(at, &group) || user >= UINT32_MAX ||
        group >= UINT32_MAX)
        return false;
    row->user = (uint32_t)user;
    row->group = (uint32_t)group;
    return true;
}

static bool parse_row(char *text, struct hb_journal_row *row)
{
    uint64_t numbers[FIELDS];
    char *at = text + 2, *seconds_end;
    if (text[0] == '\0' || text[1] != ' ')
        return false;
    bool tree = text[0] == 't';
    row->type = tree || text[0] == 'd' ? HB_TYPE_DIRECTORY
                : text[0] == 'l'       ? HB_TYPE_SYMLINK
                                       : HB_TYPE_FILE;
    if (row->type == HB_TYPE_FILE && text[0] != 'f')
        return false;
    for (int i = 0; i < 4; i++)
        if (!take_number(&at, &numbers[i]))
            return false;
    row->mtime_seconds = strtoll(at, &seconds_end, 10); /* may be before 1970 */
    if (seconds_end == at || *seconds_end != ' ')
        return false;
    at = seconds_end + 1;
    row->flags = (uint32_t)numbers[0];
    if (!take_number(&at, &numbers[4]) || !take_number(&at, &numbers[5]) ||
        ((row->flags & HB_ROW_OWNER) && !take_owner(&at, row)) || *at != '\0')
        return false;
    row->stage = (uint32_t)numbers[1];
    row->index = numbers[2];
    row->mode = (uint32_t)numbers[3];
    row->mtime_nanoseconds = (uint32_t)numbers[4];
    row->bytes = numbers[5];
    return tree == ((row->flags & HB_ROW_TREE) != 0) && numbers[1] < HB_JOURNAL_STAGES &&
           numbers[3] <= (row->type == HB_TYPE_DIRECTORY ? HB_DIRECTORY_MODES : 0777u) &&
           numbers[4] < 1000000000;
}

/* Another stage: its number, and in row->path where it lies. */
static bool parse_stage(char *text, struct hb_journal_row *row)
{
    const char *slash = strrchr(row->path, '/');
    uint64_t number;
    size_t skip;
    if (slash == NULL || !hb_stage_is_name(slash + 1))
        return false;
    HB_AUTO_FREE char *parent = hb_copy_bytes(row->path, (size_t)(slash - row->path));
    if (hb_path_problem(parent, SIZE_MAX, &skip) != NULL || skip != 0 ||
        !take_number(&text, &number) || number == 0 || number >= HB_JOURNAL_STAGES)
        return false;
    row->stage = (uint32_t)number;
    return true;
}

static bool read_note(struct hb_journal *journal, struct hb_journal_row *row)
{
    row->note.what = HB_NOTED_NOTHING;
    return !journal->has_notes ||
           (read_record(journal->file, &journal->note) &&
            hb_target_note_read(journal->note.text, &row->note, row->content));
}

int hb_journal_next(struct hb_journal *journal, struct hb_journal_row *row, struct hb_error *error)
{
    static const char stage[] = "stage ";
    size_t skip = 0;
    errno = 0;
    if (!read_record(journal->file, &journal->head))
        return damaged(journal->file, error);
    if (strncmp(journal->head.text, "end ", 4) == 0)
        return journal->rows_left == 0 ? HB_STATUS_END : damaged(journal->file, error);
    *row = (struct hb_journal_row){.link = ""};
    bool is_stage = strncmp(journal->head.text, stage, sizeof stage - 1) == 0;
    if (!read_record(journal->file, &journal->path))
        return damaged(journal->file, error);
    row->path = journal->path.text;
    if (is_stage)
        return parse_stage(journal->head.text + sizeof stage - 1, row)
                   ? HB_STATUS_SKIP
                   : damaged(journal->file, error);
    if (hb_path_problem(row->path, SIZE_MAX, &skip) != NULL || skip != 0)
        return damaged(journal->file, error);
    if (!parse_row(journal->head.text, row) || !read_record(journal->file, &journal->link) ||
        !read_note(journal, row) || journal->rows_left == 0)
        return damaged(journal->file, error);
    if (row->flags & HB_ROW_TREE) {
        char *at = journal->link.text;
        if (!take_number(&at, &row->files) || *at != '\0')
            return damaged(journal->file, error);
    } else {
        row->link = journal->link.text;
    }
    journal->rows_left--;
    return HB_OK;
}

void hb_journal_close(struct hb_journal *journal)
{
    if (journal == NULL)
        return;
    fclose(journal->file);
    free(journal->archive);
    free(journal->head.text);
    free(journal->path.text);
    free(journal->link.text);
    free(journal->note.text);
    free(journal);
}
