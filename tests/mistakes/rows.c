/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole format: "rows 1", then for each entry a line with its type, size, mode, time and name and
 * its bytes behind it, then the trailer, "end" and the number of its bytes. It can list, and take
 * over what did not change. Wrong as `mistake` says, in what finish() writes, in what list() tells,
 * or in how it takes over.
 */
#include <errno.h>
#include <hbcore/format.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 1 << 16, TAIL = 24, MUCH = 1 << 17 };
static const char magic_text[] = "rows 1\n";

struct rows {
    const struct hb_host *host;
    const char *mistake;
    bool begun;
    uint64_t listed_end; /* where the last row of what was listed ends */
};

/* Where the reading of an archive is. */
struct cursor {
    const struct rows *rows;
    const struct hb_input *input;
    uint64_t at, end; /* `end`: of the entries */
    uint64_t trailer_bytes;
    char line[LONGEST];
    char path[LONGEST];
    struct hb_entry entry;
};

static int rows_create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    rows->host = host;
    rows->mistake = settings->values[0]->text;
    *self = rows;
    return HB_OK;
}

static bool makes(const struct rows *rows, const char *mistake)
{
    return strcmp(rows->mistake, mistake) == 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

static size_t put_line(const struct hb_entry *entry, char line[LONGEST])
{
    int length = snprintf(line, LONGEST, "%u %llu %o %lld %ld %s\n", entry->type,
                          (unsigned long long)(entry->type == HB_TYPE_FILE ? entry->bytes : 0),
                          entry->mode & 07777u, (long long)entry->mtime.tv_sec,
                          entry->mtime.tv_nsec, entry->path);
    return (size_t)length;
}

static int put_magic(struct rows *rows, const struct hb_sink *sink)
{
    bool begun = rows->begun;
    rows->begun = true;
    return begun ? HB_OK : sink->write(sink, magic_text, sizeof magic_text - 1);
}

static int rows_begin(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    char line[LONGEST];
    int status = put_magic(self, sink);
    return status == HB_OK ? sink->write(sink, line, put_line(entry, line)) : status;
}

static int rows_encode(void *self, void *worker, const struct hb_segment *const *segments,
                       size_t count, struct hb_unit *unit)
{
    const struct rows *rows = self;
    (void)worker;
    (void)count;
    unit->bytes = segments[0]->bytes;
    void *data = unit->bytes == 0 ? NULL : rows->host->alloc(rows->host, (size_t)unit->bytes);
    if (data != NULL)
        memcpy(data, segments[0]->data, (size_t)unit->bytes);
    unit->data = data;
    return HB_OK;
}

static int rows_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit)
{
    (void)self;
    return hb_sink_write_unit(sink, unit);
}

static int rows_end(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    (void)self;
    (void)sink;
    (void)entry;
    return HB_OK;
}

static int rows_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes)
{
    const struct rows *rows = self;
    char tail[TAIL + 1], *changed = malloc(bytes + 1);
    if (bytes > 0)
        memcpy(changed, trailer, bytes);
    if (makes(rows, "other-trailer"))
        changed[bytes - 1] ^= 1;
    if (makes(rows, "short-trailer"))
        bytes -= 1;
    if (makes(rows, "no-trailer"))
        bytes = 0;
    snprintf(tail, sizeof tail, "end %020llu", (unsigned long long)bytes);
    if (makes(rows, "garbage") || makes(rows, "hide-failure"))
        memset(tail, 'x', TAIL);
    int status = sink->write(sink, changed, bytes);
    free(changed);
    return status == HB_OK ? sink->write(sink, tail, TAIL) : status;
}

/* ---- taking over --------------------------------------------------------------------------- */

static const char *rows_codec(void *self, const struct hb_sink *sink)
{
    (void)sink;
    return makes(self, "no-codec") ? NULL : "as it is";
}

static int rows_span(void *self, const struct hb_member *first, const struct hb_member *next,
                     struct hb_range *range)
{
    const struct rows *rows = self;
    uint64_t end = next == NULL ? rows->listed_end : next->token;
    range->offset = first->token;
    range->bytes = end - range->offset;
    if (makes(rows, "span-behind"))
        range->offset += 7;
    if (makes(rows, "span-shorter"))
        range->bytes -= 1;
    if (makes(rows, "span-longer"))
        range->bytes += 1;
    if (makes(rows, "span-huge"))
        range->bytes = UINT64_MAX - 5;
    if (makes(rows, "span-nothing"))
        range->bytes = 0;
    if (makes(rows, "tail-refused") || makes(rows, "tail-agreed"))
        range->tail = 1;
    if (makes(rows, "tail-huge"))
        range->tail = UINT32_MAX;
    if (makes(rows, "tail-longer") && range->bytes < HB_RANGE_TAIL_MOST)
        range->tail = (uint32_t)range->bytes + 1;
    if (makes(rows, "span-the-first"))
        range->offset = sizeof magic_text - 1;
    return makes(rows, "span-wrong-status") ? 77 : HB_OK;
}

static int rows_locate(void *self, const struct hb_member *member, const struct hb_range *range,
                       const void *data, size_t bytes, struct hb_unit *units, size_t unit_count,
                       uint64_t *head)
{
    const struct rows *rows = self;
    char line[LONGEST];
    if (head == NULL)
        return makes(rows, "tail-agreed") ? HB_OK : HB_STATUS_NOMATCH;
    *head = put_line(member->entry, line);
    if (*head > bytes || memcmp(line, data, (size_t)*head) != 0)
        return HB_STATUS_NOMATCH;
    if (unit_count == 1)
        units->bytes = range->bytes - *head - range->tail;
    if (makes(rows, "other-note"))
        units->note[3] ^= 1;
    if (makes(rows, "head-huge"))
        *head = UINT64_MAX - 5;
    if (makes(rows, "unit-huge"))
        units->bytes = UINT64_MAX - 5;
    if (makes(rows, "unit-shorter"))
        units->bytes -= units->bytes > 0;
    if (makes(rows, "all-is-head")) {
        *head = range->bytes;
        units->bytes = 0;
    }
    return HB_OK;
}

static int rows_adopt(void *self, const struct hb_sink *sink, const struct hb_adoption *adoption)
{
    struct rows *rows = self;
    struct hb_range other = *adoption->range;
    int status = put_magic(rows, sink);
    other.offset += 3;
    if (status != HB_OK || makes(rows, "copy-nothing"))
        return status;
    if (makes(rows, "copy-another"))
        return sink->copy(sink, &other);
    if (makes(rows, "write-more"))
        status = sink->write(sink, "more", 4);
    if (status == HB_OK)
        status = sink->copy(sink, adoption->range);
    return status == HB_OK && makes(rows, "copy-twice") ? sink->copy(sink, adoption->range)
                                                        : status;
}

/* ---- reading ------------------------------------------------------------------------------- */

static int start(const struct rows *rows, const struct hb_input *input, struct cursor **cursor)
{
    if (makes(rows, "no-memory-for-much") && input->bytes > MUCH) {
        errno = ENOMEM; /* as malloc() leaves it */
        return rows->host->fail(rows->host, HB_STATUS_FATAL, "out of memory");
    }
    char tail[TAIL + 1] = "";
    if (input->read_at == NULL || input->bytes < TAIL + sizeof magic_text - 1 ||
        input->read_at(input, tail, TAIL, input->bytes - TAIL) != TAIL ||
        memcmp(tail, "end ", 4) != 0)
        return rows->host->fail(rows->host, HB_STATUS_FATAL, "the end is not there");
    uint64_t bytes = strtoull(tail + 4, NULL, 10);
    *cursor = calloc(1, sizeof **cursor);
    (*cursor)->rows = rows;
    (*cursor)->input = input;
    (*cursor)->at = sizeof magic_text - 1;
    (*cursor)->end = input->bytes - TAIL - bytes;
    (*cursor)->trailer_bytes = bytes;
    return HB_OK;
}

static int next(struct cursor *cursor)
{
    const struct rows *rows = cursor->rows;
    struct hb_entry *entry = &cursor->entry;
    unsigned type, mode;
    unsigned long long bytes;
    long long seconds;
    long nanoseconds;
    if (cursor->at >= cursor->end)
        return HB_STATUS_END;
    uint64_t left = cursor->end - cursor->at;
    size_t want = left < LONGEST - 1 ? (size_t)left : LONGEST - 1;
    int64_t got = cursor->input->read_at(cursor->input, cursor->line, want, cursor->at);
    cursor->line[got < 0 ? 0 : got] = '\0';
    char *line_end = strchr(cursor->line, '\n');
    if (line_end == NULL || sscanf(cursor->line, "%u %llu %o %lld %ld %65000[^\n]", &type, &bytes,
                                   &mode, &seconds, &nanoseconds, cursor->path) != 6)
        return rows->host->fail(rows->host, HB_STATUS_FATAL, "there is no row where one must be");
    *entry = (struct hb_entry){
        .size = sizeof *entry,
        .type = type,
        .flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME,
        .mode = mode,
        .mtime = {(time_t)seconds, nanoseconds},
        .path = cursor->path,
        .path_bytes = strlen(cursor->path),
        .bytes = bytes,
    };
    cursor->at += (uint64_t)(line_end - cursor->line) + 1 + bytes;
    return HB_OK;
}

/* What list() tells of entry `number`, where it does not tell the truth. HB_STATUS_SKIP: nothing.
 */
static int spoil(const struct cursor *cursor, size_t number, struct hb_entry *entry)
{
    static char other[] = "another-name";
    const struct rows *rows = cursor->rows;
    bool last = cursor->at >= cursor->end;
    if ((makes(rows, "leave-out-first") && number == 0) || (makes(rows, "leave-out-last") && last))
        return HB_STATUS_SKIP;
    if (makes(rows, "other-name") && last) {
        entry->path = other;
        entry->path_bytes = sizeof other - 1;
    }
    if (makes(rows, "no-name") && last)
        entry->path = NULL;
    entry->bytes += makes(rows, "other-size") && last;
    entry->mode ^= makes(rows, "other-mode") && last ? 0100u : 0u;
    entry->mtime.tv_nsec ^= makes(rows, "other-time") && last;
    return HB_OK;
}

static int rows_list(void *self, const struct hb_input *input, const struct hb_lister *lister)
{
    struct rows *rows = self;
    uint64_t place;
    struct cursor *cursor;
    size_t number = 0;
    if (makes(rows, "cannot-list") || makes(rows, "cannot-list-but-garbage"))
        return HB_STATUS_NOMATCH;
    if (makes(rows, "list-fails"))
        return rows->host->fail(rows->host, HB_STATUS_FATAL, "would rather not");
    int status = start(rows, input, &cursor);
    if (status != HB_OK)
        return makes(rows, "hide-failure") ? HB_OK : status;
    while (place = cursor->at, (status = next(cursor)) == HB_OK) {
        struct hb_entry entry = cursor->entry;
        struct hb_member member = {.size = sizeof member, .entry = &entry, .token = place};
        rows->listed_end = cursor->at;
        if (spoil(cursor, number++, &entry) == HB_STATUS_SKIP)
            continue;
        status = lister->member(lister, &member);
        if (status == HB_OK && makes(rows, "twice") && cursor->at >= cursor->end)
            status = lister->member(lister, &member);
        if (status != HB_OK)
            break;
    }
    free(cursor);
    return status == HB_STATUS_END || makes(rows, "twice") ? HB_OK : status;
}

static int rows_read_trailer(void *self, const struct hb_input *input, void **data, size_t *bytes)
{
    const struct rows *rows = self;
    struct cursor *cursor;
    int status = start(rows, input, &cursor);
    if (status != HB_OK)
        return status;
    *bytes = (size_t)cursor->trailer_bytes;
    *data = rows->host->alloc(rows->host, *bytes + 1);
    int64_t got = input->read_at(input, *data, *bytes, cursor->end);
    free(cursor);
    if (*bytes == 0) {
        rows->host->release(rows->host, *data);
        *data = NULL;
        return HB_STATUS_NOMATCH;
    }
    return got < 0 ? HB_STATUS_FATAL : HB_OK;
}

static int rows_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor)
{
    const struct rows *rows = self;
    struct cursor *cursor;
    void *trailer = NULL;
    size_t bytes = 0;
    int status = makes(rows, "cannot-list-but-garbage")
                     ? rows->host->fail(rows->host, HB_STATUS_FATAL, "sees garbage")
                     : start(rows, input, &cursor);
    if (status != HB_OK)
        return status;
    while ((status = next(cursor)) == HB_OK) {
        status = visitor->entry(visitor, &cursor->entry);
        for (uint64_t at = 0; status == HB_OK && at < cursor->entry.bytes;) {
            uint64_t left = cursor->entry.bytes - at;
            size_t want = left < LONGEST ? (size_t)left : LONGEST;
            input->read_at(input, cursor->line, want, cursor->at - left);
            status = visitor->data(visitor, cursor->line, want, at);
            at += want;
        }
        if (status == HB_OK || status == HB_STATUS_SKIP)
            status = visitor->end(visitor, cursor->entry.bytes);
        if (status != HB_OK)
            break;
    }
    free(cursor);
    if (status != HB_STATUS_END)
        return status;
    status = rows_read_trailer(self, input, &trailer, &bytes);
    if (status == HB_OK)
        status = visitor->trailer(visitor, trailer, bytes);
    rows->host->release(rows->host, trailer);
    return status == HB_STATUS_NOMATCH ? HB_OK : status;
}

static const char *const suffixes[] = {".rows", NULL};
static const struct hb_magic magics[] = {{.bytes = magic_text, .length = sizeof magic_text - 1},
                                         {0}};

static const struct hb_option *const options[] = {
    &(const struct hb_option){
        .size = sizeof(struct hb_option),
        .type = HB_OPTION_STRING,
        .key = "mistake",
        .default_text = "none",
        .help = "garbage, leave-out-first, leave-out-last, other-name and others"},
};

static const struct hb_format_ops ops = {
    .size = sizeof(struct hb_format_ops),
    .flags = HB_FORMAT_SIZE_FIRST | (WITH_TRAILER ? HB_FORMAT_TRAILER : 0),
    .suffixes = suffixes,
    .magics = magics,
    .begin_entry = rows_begin,
    .append = rows_append,
    .end_entry = rows_end,
    .finish = rows_finish,
    .walk = rows_walk,
    .encode = rows_encode,
    .list = rows_list,
    .read_trailer = WITH_TRAILER ? rows_read_trailer : NULL,
    .codec = WITH_TRAILER ? rows_codec : NULL,
    .span = WITH_TRAILER ? rows_span : NULL,
    .locate = WITH_TRAILER ? rows_locate : NULL,
    .adopt = WITH_TRAILER ? rows_adopt : NULL,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_FORMAT,
    .host_size = sizeof(struct hb_host),
    .name = PLUGIN_NAME,
    .version = "1.0",
    .summary = "Writes and reads rows",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = rows_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
