/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole format that lies as `lie` says; test_lies.py has the table. "lies 1", then for each entry
 * a line with type, size, mode, time and name and its bytes behind it, then the trailer, "end" and
 * the number of its bytes. Entries two by two are a group. `how`: by its index, or front to back.
 */
#include <hbcore/format.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAIL = 24, MOST_ROWS = 64, LINE = 512, BLOCK = 64 << 10 };
static const char magic_text[] = "lies 1\n";

/* Those that the lies are about. */
static const char target[] = "b", as_large[] = "a", large[] = "big";

struct lies {
    const struct hb_host *host;
    const char *lie;
    bool by_index, begun;
    unsigned appended;
    char *kept; /* a unit that is written too late */
    size_t kept_bytes;
    size_t listed; /* rows, and where each begins */
    uint64_t starts[MOST_ROWS + 1];
};

struct row {
    struct hb_entry entry;
    size_t number, at; /* `at`: of its content */
    char path[LINE];
};

struct archive {
    const struct lies *lies;
    char *data;
    size_t bytes, count, trailer, trailer_bytes;
    struct row rows[MOST_ROWS];
};

static int lies_create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct lies *lies = calloc(1, sizeof *lies);
    if (lies == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    lies->host = host;
    lies->lie = settings->values[0]->text;
    lies->by_index = strcmp(settings->values[1]->text, "index") == 0;
    *self = lies;
    return HB_OK;
}

static bool is(const struct lies *lies, const char *lie)
{
    return strcmp(lies->lie, lie) == 0;
}

static bool begins(const struct lies *lies, const char *lie)
{
    return strncmp(lies->lie, lie, strlen(lie)) == 0;
}

static bool named(const struct hb_entry *entry, const char *name)
{
    return strcmp(entry->path, name) == 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

static int put_magic(struct lies *lies, const struct hb_sink *sink)
{
    bool begun = lies->begun;
    lies->begun = true;
    return begun ? HB_OK : sink->write(sink, magic_text, sizeof magic_text - 1);
}

static int lies_begin(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    struct lies *lies = self;
    char line[LINE + 128];
    lies->appended = 0;
    int status = put_magic(lies, sink);
    int length = snprintf(line, sizeof line, "%u %llu %o %lld %ld %s\n", entry->type,
                          (unsigned long long)(entry->type == HB_TYPE_FILE ? entry->bytes : 0),
                          entry->mode & 07777u, (long long)entry->mtime.tv_sec,
                          entry->mtime.tv_nsec, entry->path);
    return status == HB_OK ? sink->write(sink, line, (size_t)length) : status;
}

static int lies_adopt(void *self, const struct hb_sink *sink, const struct hb_adoption *adoption)
{
    struct lies *lies = self;
    struct hb_range other = *adoption->range;
    int status = put_magic(lies, sink);
    if (status != HB_OK || is(lies, "adopt-nothing"))
        return status;
    if (is(lies, "adopt-more"))
        status = sink->write(sink, "more", 4);
    if (status == HB_OK)
        status = sink->copy(sink, is(lies, "adopt-another") ? &other : adoption->range);
    return status == HB_OK && is(lies, "adopt-twice") ? sink->copy(sink, adoption->range) : status;
}

static int lies_encode(void *self, void *worker, const struct hb_segment *const *segments,
                       size_t count, struct hb_unit *out)
{
    const struct lies *lies = self;
    const struct hb_segment *segment = segments[0];
    size_t bytes = (size_t)segment->bytes;
    bool mine = count == 1 && bytes > 1 &&
                named(segment->entry, begins(lies, "encode-big") ? large : target);
    (void)worker;
    char *data = lies->host->alloc(lies->host, bytes + 1);
    if (bytes > 0)
        memcpy(data, segment->data, bytes);
    if (mine && begins(lies, "encode") && strstr(lies->lie, "flips") != NULL)
        data[bytes / 2] ^= 1;
    if (mine && is(lies, "encode-turns-round")) {
        char first = data[0];
        data[0] = data[bytes - 1];
        data[bytes - 1] = first;
    }
    out->bytes = bytes - (mine && is(lies, "encode-drops"));
    if (mine && is(lies, "encode-adds"))
        data[out->bytes++] = 'x';
    out->data = data;
    return HB_OK;
}

static int lies_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit)
{
    struct lies *lies = self;
    bool mine = named(unit->entry, large);
    unsigned number = lies->appended++;
    if (mine && is(lies, "append-skips") && number == 1)
        return HB_OK;
    if (mine && is(lies, "append-twice") && number == 1) {
        int status = hb_sink_write_unit(sink, unit);
        return status == HB_OK ? hb_sink_write_unit(sink, unit) : status;
    }
    if (mine && is(lies, "append-out-of-order") && number == 0) {
        lies->kept_bytes = (size_t)unit->bytes;
        lies->kept = malloc(lies->kept_bytes);
        memcpy(lies->kept, unit->data, lies->kept_bytes);
        return HB_OK;
    }
    int status = hb_sink_write_unit(sink, unit);
    if (mine && lies->kept != NULL && status == HB_OK) {
        status = sink->write(sink, lies->kept, lies->kept_bytes);
        free(lies->kept);
        lies->kept = NULL;
    }
    return status;
}

static int lies_end(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    const struct lies *lies = self;
    if (is(lies, "finish-byte-too-many") && named(entry, target))
        return sink->write(sink, "x", 1);
    return HB_OK;
}

static int lies_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes)
{
    const struct lies *lies = self;
    char tail[TAIL + 1], *changed = malloc(bytes + 1);
    memcpy(changed, trailer, bytes);
    if (is(lies, "finish-other-trailer"))
        changed[bytes / 2] ^= 1;
    if (is(lies, "finish-cuts-trailer"))
        bytes -= 8;
    if (is(lies, "finish-without-trailer"))
        bytes = 0;
    snprintf(tail, sizeof tail, "end %020llu", (unsigned long long)bytes);
    int status = sink->write(sink, changed, bytes);
    free(changed);
    return status == HB_OK && !is(lies, "finish-without-end") ? sink->write(sink, tail, TAIL)
                                                              : status;
}

static int lies_policy(void *self, struct hb_unit_policy *policy)
{
    (void)self;
    policy->unit_bytes = BLOCK;
    return HB_OK;
}

static const char *lies_codec(void *self, const struct hb_sink *sink)
{
    (void)self;
    (void)sink;
    return "as it is";
}

/* ---- reading ------------------------------------------------------------------------------- */

static int read_all(struct archive *archive, const struct hb_input *input)
{
    size_t room = 1 << 22;
    archive->data = malloc(room + 1);
    for (int64_t got = 1; got > 0 && archive->bytes < room; archive->bytes += (size_t)got) {
        char *to = archive->data + archive->bytes;
        got = input->read_at == NULL
                  ? input->read(input, to, room - archive->bytes)
                  : input->read_at(input, to, room - archive->bytes, archive->bytes);
        if (got < 0)
            return HB_STATUS_FATAL;
    }
    archive->data[archive->bytes] = '\0';
    return HB_OK;
}

static bool parse_row(struct archive *archive, size_t *at)
{
    struct row *row = &archive->rows[archive->count];
    unsigned type, mode;
    unsigned long long bytes;
    long long seconds;
    long nanoseconds;
    const char *line = archive->data + *at, *line_end = memchr(line, '\n', archive->bytes - *at);
    if (line_end == NULL || archive->count == MOST_ROWS ||
        sscanf(line, "%u %llu %o %lld %ld %500[^\n]", &type, &bytes, &mode, &seconds, &nanoseconds,
               row->path) != 6)
        return false;
    row->number = archive->count++;
    row->at = (size_t)(line_end - archive->data) + 1;
    row->entry = (struct hb_entry){
        .size = sizeof row->entry,
        .type = type,
        .flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME,
        .mode = mode,
        .mtime = {(time_t)seconds, nanoseconds},
        .path = row->path,
        .path_bytes = strlen(row->path),
        .bytes = bytes,
    };
    *at = row->at + bytes;
    return *at <= archive->trailer;
}

static void unload(struct archive *archive)
{
    if (archive != NULL)
        free(archive->data);
    free(archive);
}

static int load(const struct lies *lies, const struct hb_input *input, struct archive **loaded)
{
    struct archive *archive = *loaded = calloc(1, sizeof *archive);
    size_t at = sizeof magic_text - 1;
    archive->lies = lies;
    int status = read_all(archive, input);
    if (status != HB_OK)
        return status;
    if (archive->bytes < TAIL + at || memcmp(archive->data + archive->bytes - TAIL, "end ", 4) != 0)
        return lies->host->fail(lies->host, HB_STATUS_FATAL, "the end is not there");
    archive->trailer_bytes = strtoull(archive->data + archive->bytes - TAIL + 4, NULL, 10);
    archive->trailer = archive->bytes - TAIL - archive->trailer_bytes;
    while (at < archive->trailer)
        if (!parse_row(archive, &at))
            return lies->host->fail(lies->host, HB_STATUS_FATAL,
                                    "there is no row where one must be");
    return HB_OK;
}

static struct row *row_of(struct archive *archive, const char *name)
{
    for (size_t i = 0; i < archive->count; i++)
        if (strcmp(archive->rows[i].path, name) == 0)
            return &archive->rows[i];
    return archive->rows;
}

/* ---- the data of an entry, or not quite ---------------------------------------------------- */

struct receiver {
    int (*put)(const void *self, const void *data, size_t bytes, uint64_t offset);
    const void *self;
};

static int put(const struct receiver *to, const char *data, size_t bytes, uint64_t offset)
{
    return to->put(to->self, data, bytes, offset);
}

static int give_changed(const struct archive *archive, const struct row *row,
                        const struct receiver *to, char *data)
{
    const struct lies *lies = archive->lies;
    size_t bytes = (size_t)row->entry.bytes;
    if (is(lies, "data-other-byte"))
        data[bytes / 2] ^= 1;
    if (is(lies, "data-zeros"))
        memset(data, 0, bytes);
    if (is(lies, "data-of-another"))
        memcpy(data, archive->data + row_of((struct archive *)(uintptr_t)archive, as_large)->at,
               bytes);
    if (is(lies, "data-nothing"))
        return HB_OK;
    if (is(lies, "data-fewer"))
        return put(to, data, bytes - 1, 0);
    if (is(lies, "data-shifted"))
        return put(to, data, bytes - 1, 1);
    if (is(lies, "data-beyond"))
        return put(to, data, bytes, UINT64_MAX - 1);
    if (is(lies, "data-gap"))
        return put(to, data + bytes - 1, 1, bytes - 1);
    if (is(lies, "data-null"))
        return put(to, NULL, bytes, 0);
    int status = HB_OK;
    if (is(lies, "data-back")) {
        status = put(to, data + bytes / 2, bytes - bytes / 2, bytes / 2);
        return status == HB_OK ? put(to, data, bytes / 2, 0) : status;
    }
    status = put(to, data, bytes, 0);
    if (status == HB_OK && is(lies, "data-twice"))
        status = put(to, data, bytes, 0);
    if (status == HB_OK && (is(lies, "data-more") || is(lies, "data-hides-failure")))
        status = put(to, "x", 1, bytes);
    return is(lies, "data-hides-failure") ? HB_OK : status;
}

static int give(const struct archive *archive, const struct row *row, const struct receiver *to)
{
    const struct lies *lies = archive->lies;
    size_t bytes = (size_t)row->entry.bytes;
    const char *data = archive->data + row->at;
    bool blocks = begins(lies, "data-blocks") && named(&row->entry, large);
    if (bytes == 0)
        return HB_OK;
    if (!begins(lies, "data") || (!blocks && !named(&row->entry, target)))
        return put(to, data, bytes, 0);
    char *copy = malloc(bytes);
    memcpy(copy, data, bytes);
    if (blocks) {
        memcpy(copy, data + BLOCK, BLOCK);
        memcpy(copy + BLOCK, data, BLOCK);
    }
    int status = blocks ? put(to, copy, bytes, 0) : give_changed(archive, row, to, copy);
    free(copy);
    return status;
}

/* ---- the listing --------------------------------------------------------------------------- */

/* What is told of an entry by list() and walk(). */
static void spoil(const struct lies *lies, struct hb_entry *entry)
{
    static char nul[] = "b\0c", far[] = "../b";
    if (!named(entry, target) || !begins(lies, "entry"))
        return;
    if (is(lies, "entry-no-path"))
        entry->path = NULL;
    if (is(lies, "entry-other-path"))
        entry->path = "x";
    if (is(lies, "entry-path-of-another"))
        entry->path = as_large;
    if (is(lies, "entry-path-bytes-0"))
        entry->path_bytes = 0;
    if (is(lies, "entry-path-with-nul")) {
        entry->path = nul;
        entry->path_bytes = sizeof nul - 1;
    }
    if (is(lies, "entry-path-outside")) {
        entry->path = far;
        entry->path_bytes = sizeof far - 1;
    }
    if (begins(lies, "entry-type"))
        entry->type = (uint32_t)atoi(lies->lie + strlen("entry-type-"));
    if (is(lies, "entry-size-more"))
        entry->bytes++;
    if (is(lies, "entry-size-0"))
        entry->bytes = 0;
    if (is(lies, "entry-size-unknown"))
        entry->bytes = HB_SIZE_UNKNOWN;
    if (is(lies, "entry-mode"))
        entry->mode ^= 0111;
    if (is(lies, "entry-time"))
        entry->mtime.tv_sec++;
    if (is(lies, "entry-nanoseconds"))
        entry->mtime.tv_nsec = 2000000000;
    if (is(lies, "entry-index"))
        entry->index = 1 << 20;
    if (is(lies, "entry-flags"))
        entry->flags |= 0x80000000u;
}

/* What list() alone tells. */
static void spoil_member(const struct archive *archive, struct hb_member *member)
{
    const struct lies *lies = archive->lies;
    if (is(lies, "list-one-group"))
        member->group = 1;
    if (is(lies, "list-groups-descend"))
        member->group = MOST_ROWS - member->group;
    if (is(lies, "list-group-of-another") && named(member->entry, target))
        member->group = 2;
    if (is(lies, "list-stored-bytes"))
        member->stored_bytes = UINT64_MAX;
    if (is(lies, "list-unknown-flag"))
        member->flags |= 0x80;
    if (is(lies, "list-unreadable") && named(member->entry, target)) {
        member->flags |= HB_MEMBER_UNREADABLE;
        member->why = "is said to be unreadable";
    }
    if (is(lies, "list-tokens") && named(member->entry, target))
        member->token = row_of((struct archive *)(uintptr_t)archive, as_large)->number;
    if (is(lies, "list-no-entry") && named(member->entry, target))
        member->entry = NULL;
}

/* The rows in the order of the archive, but for those that lie about it; SIZE_MAX: none. */
static size_t number_at(const struct archive *archive, size_t at)
{
    const struct lies *lies = archive->lies;
    if (is(lies, "order-swapped") && at < 2)
        return 1 - at;
    if (is(lies, "order-backwards"))
        return archive->count - 1 - at;
    if ((is(lies, "order-without-first") && at == 0) ||
        (is(lies, "order-without-last") && at == archive->count - 1))
        return SIZE_MAX;
    if (is(lies, "order-first-again") && at == archive->count - 1)
        return 0;
    return at;
}

static int tell_member(struct archive *archive, const struct hb_lister *lister, size_t number)
{
    struct hb_entry entry = archive->rows[number].entry;
    struct hb_member member = {.size = sizeof member,
                               .entry = &entry,
                               .group = number / 2,
                               .token = number,
                               .stored_bytes = number % 2 == 0 ? entry.bytes : 0};
    spoil_member(archive, &member);
    spoil(archive->lies, &entry);
    int status = lister->member(lister, &member);
    if (status == HB_OK && is(archive->lies, "list-twice") && number == archive->count - 1)
        status = lister->member(lister, &member);
    return is(archive->lies, "list-hides-failure") ? HB_OK : status;
}

/* For span(), which reads nothing. */
static void remember_starts(struct lies *lies, const struct archive *archive)
{
    lies->listed = archive->count;
    lies->starts[0] = sizeof magic_text - 1;
    for (size_t i = 0; i < archive->count; i++)
        lies->starts[i + 1] = archive->rows[i].at + archive->rows[i].entry.bytes;
}

static int lies_list(void *self, const struct hb_input *input, const struct hb_lister *lister)
{
    struct lies *lies = self;
    struct archive *archive;
    if (!lies->by_index)
        return HB_STATUS_NOMATCH;
    int status =
        is(lies, "list-fails-without-a-word") ? HB_STATUS_FATAL : load(lies, input, &archive);
    if (is(lies, "list-fails-without-a-word"))
        return status;
    if (status == HB_OK)
        remember_starts(lies, archive);
    for (size_t at = 0; status == HB_OK && at < archive->count; at++) {
        size_t number = number_at(archive, at);
        if (number != SIZE_MAX)
            status = tell_member(archive, lister, number);
    }
    if (status == HB_OK && is(lies, "list-nomatch-at-the-end"))
        status = HB_STATUS_NOMATCH;
    unload(archive);
    return status;
}

static int to_output(const void *self, const void *data, size_t bytes, uint64_t offset)
{
    const struct hb_output *output = self;
    return output->write(output, data, bytes, offset);
}

/* Half of each, in turn. */
static int mix(const struct archive *archive, const struct row *const *rows,
               const struct hb_output *const *outputs)
{
    for (int part = 0; part < 2; part++)
        for (int i = 0; i < 2; i++) {
            size_t half = (size_t)rows[i]->entry.bytes / 2, at = part == 0 ? 0 : half;
            size_t bytes = part == 0 ? half : (size_t)rows[i]->entry.bytes - half;
            int status = outputs[i]->write(outputs[i], archive->data + rows[i]->at + at, bytes, at);
            if (status != HB_OK)
                return status;
        }
    return HB_OK;
}

static int lies_decode(void *self, void *worker, const struct hb_input *input,
                       const struct hb_member *const *members, size_t count,
                       const struct hb_output *const *outputs)
{
    const struct lies *lies = self;
    const struct row *rows[MOST_ROWS];
    struct archive *archive;
    (void)worker;
    int status = load(lies, input, &archive);
    bool pair = count == 2 && named(members[1]->entry, target);
    for (size_t i = 0; status == HB_OK && i < count; i++)
        rows[i] = &archive->rows[members[i]->token % archive->count];
    if (status == HB_OK && pair && is(lies, "decode-mixes")) {
        status = mix(archive, rows, outputs);
    } else if (status == HB_OK && pair && begins(lies, "decode-fails")) {
        status = is(lies, "decode-fails-for-one") ? HB_STATUS_ENTRY : HB_STATUS_FATAL;
    } else {
        for (size_t i = 0; status == HB_OK && i < count; i++) {
            bool crossed = pair && is(lies, "decode-crosses");
            const struct receiver to = {to_output, outputs[crossed ? 1 - i : i]};
            status = give(archive, rows[i], &to);
        }
    }
    unload(archive);
    return status == HB_OK && is(lies, "decode-says-7") ? 7 : status;
}

/* ---- front to back ------------------------------------------------------------------------- */

static int to_visitor(const void *self, const void *data, size_t bytes, uint64_t offset)
{
    const struct hb_visitor *visitor = self;
    return visitor->data(visitor, data, bytes, offset);
}

static int visit(const struct archive *archive, const struct hb_visitor *visitor,
                 const struct row *row)
{
    const struct lies *lies = archive->lies;
    const struct receiver to = {to_visitor, visitor};
    bool mine = named(&row->entry, target);
    struct hb_entry entry = row->entry;
    spoil(lies, &entry);
    if (mine && is(lies, "walk-data-outside"))
        (void)visitor->data(visitor, "x", 1, 0);
    int status = visitor->entry(visitor, &entry);
    if (status >= 0 && mine && is(lies, "walk-begins-twice"))
        status = visitor->entry(visitor, &entry);
    if (status < 0)
        return status;
    if (status == HB_OK || is(lies, "walk-data-of-all"))
        status = give(archive, row, &to);
    if (status >= 0 && mine && is(lies, "walk-unreadable-with-data"))
        status = visitor->unreadable(visitor, "is said to be unreadable");
    if (status < 0)
        return status;
    if (mine && is(lies, "walk-does-not-end"))
        return HB_OK;
    status = visitor->end(visitor, entry.bytes - (mine && is(lies, "walk-ends-early")));
    if (status == HB_OK && mine && is(lies, "walk-ends-twice"))
        status = visitor->end(visitor, entry.bytes);
    return status;
}

static int tell_trailer(const struct archive *archive, const struct hb_visitor *visitor)
{
    const struct lies *lies = archive->lies;
    size_t bytes = archive->trailer_bytes;
    if (bytes == 0 || is(lies, "trailer-missing"))
        return HB_OK;
    char *copy = malloc(bytes);
    memcpy(copy, archive->data + archive->trailer, bytes);
    copy[bytes / 2] ^= is(lies, "trailer-other-byte");
    int status = visitor->trailer(visitor, copy, is(lies, "trailer-cut") ? bytes - 8 : bytes);
    if (status == HB_OK && is(lies, "walk-trailer-twice"))
        status = visitor->trailer(visitor, copy, bytes);
    free(copy);
    return status;
}

static int lies_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor)
{
    static int walks; /* of the process: for each an instance of its own is made */
    const struct lies *lies = self;
    struct archive *archive;
    int status = load(lies, input, &archive);
    bool again = walks++ > 0;
    for (size_t at = 0; status == HB_OK && at < archive->count; at++) {
        size_t number = number_at(archive, at);
        if (number == SIZE_MAX ||
            (again && is(lies, "walk-fewer-again") && at + 1 == archive->count))
            continue;
        status = visit(archive, visitor, &archive->rows[number]);
    }
    if (status == HB_OK)
        status = tell_trailer(archive, visitor);
    unload(archive);
    return status;
}

static int lies_read_trailer(void *self, const struct hb_input *input, void **data, size_t *bytes)
{
    const struct lies *lies = self;
    struct archive *archive;
    int status = load(lies, input, &archive);
    if (status == HB_OK && (archive->trailer_bytes == 0 || is(lies, "trailer-missing")))
        status = HB_STATUS_NOMATCH;
    if (status == HB_OK && is(lies, "trailer-null")) {
        *data = NULL;
        *bytes = archive->trailer_bytes;
    } else if (status == HB_OK) {
        char *copy = lies->host->alloc(lies->host, archive->trailer_bytes);
        memcpy(copy, archive->data + archive->trailer, archive->trailer_bytes);
        copy[archive->trailer_bytes / 2] ^= is(lies, "trailer-other-byte");
        *data = copy;
        *bytes = archive->trailer_bytes - (is(lies, "trailer-cut") ? 8 : 0);
    }
    unload(archive);
    return status;
}

static int lies_span(void *self, const struct hb_member *first, const struct hb_member *next,
                     struct hb_range *range)
{
    const struct lies *lies = self;
    if (lies->listed == 0)
        return HB_STATUS_NOMATCH;
    size_t from = (size_t)(first->token % lies->listed);
    size_t to = next == NULL ? lies->listed : (size_t)(next->token % lies->listed);
    if (is(lies, "locate-another"))
        from = lies->listed - 1 - from;
    range->offset = lies->starts[from] + is(lies, "locate-shifted");
    range->bytes = lies->starts[to] - lies->starts[from] + is(lies, "locate-longer");
    if (is(lies, "locate-outside"))
        range->offset = UINT64_MAX - 8;
    return HB_OK;
}

/* What the line in front says is not looked at. */
static int lies_locate(void *self, const struct hb_member *member, const struct hb_range *range,
                       const void *data, size_t bytes, struct hb_unit *units, size_t unit_count,
                       uint64_t *head)
{
    const struct lies *lies = self;
    const char *end = memchr(data, '\n', bytes);
    (void)member;
    if (end == NULL)
        return HB_STATUS_NOMATCH;
    *head = (uint64_t)(end - (const char *)data) + 1;
    if (unit_count == 1)
        units->bytes = range->bytes - *head;
    units->note[0] = is(lies, "locate-other-note");
    if (is(lies, "locate-head-outside"))
        *head = UINT64_MAX - 8;
    return HB_OK;
}

/* ---- the plugin ---------------------------------------------------------------------------- */

static const char *const suffixes[] = {".lies", NULL};
static const struct hb_magic magics[] = {{.bytes = magic_text, .length = sizeof magic_text - 1},
                                         {0}};

static const struct hb_option *const options[] = {
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "lie",
                              .default_text = "none",
                              .help = "Which one; test_lies.py has a table of them"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "how",
                              .default_text = "index",
                              .help = "index, or walk"},
};

/* It keeps more than that. */
static const struct hb_keeps keeps = {.size = sizeof(struct hb_keeps),
                                      .time_step = 2000000000,
                                      .time_last = INT32_MAX,
                                      .path_most = 300};

static const struct hb_format_ops ops = {
    .size = sizeof(struct hb_format_ops),
    .flags = HB_FORMAT_SIZE_FIRST | HB_FORMAT_TRAILER,
    .suffixes = suffixes,
    .magics = magics,
    .begin_entry = lies_begin,
    .append = lies_append,
    .end_entry = lies_end,
    .finish = lies_finish,
    .walk = lies_walk,
    .unit_policy = lies_policy,
    .encode = lies_encode,
    .list = lies_list,
    .decode = lies_decode,
    .read_trailer = lies_read_trailer,
    .codec = lies_codec,
    .span = lies_span,
    .locate = lies_locate,
    .adopt = lies_adopt,
    .keeps = &keeps,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_FORMAT,
    .host_size = sizeof(struct hb_host),
    .name = "lies",
    .version = "1.0",
    .summary = "Does not tell the truth",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = lies_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
