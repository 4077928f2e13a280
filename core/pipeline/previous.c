/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/previous.h"

#include "archive/entry_problem.h"
#include "base/memory.h"
#include "host/failure.h"
#include <string.h>
#include <sys/stat.h>

struct hb_previous {
    struct hb_archive archive;
    struct hb_reuse_index index;
    uint64_t unit_limit;      /* stored bytes of one unit that is read into memory */
    struct stat status;       /* when it was opened */
    struct hb_numbers listed; /* by entry: enum column */
    uint32_t *buckets;        /* by fingerprint: 1 + entry, 0: empty */
    size_t bucket_count;
    size_t fingerprints_back, contents_back; /* bytes that were given back */
    size_t *first_parts;                     /* by number of the long entry */
    uint32_t *by_path; /* numbers of the long entries, sorted by their paths */
    uint64_t *offsets; /* by part: within the stored bytes of its entry */
};

/* What is kept of each member that was listed: the format's token, the bytes of its content. */
enum column { TOKEN, BYTES, COLUMNS };

static uint64_t token_of(const struct hb_previous *previous, size_t entry)
{
    uint64_t row[COLUMNS];
    hb_numbers_get(&previous->listed, entry, row);
    return row[TOKEN];
}

/* ---- opening ------------------------------------------------------------------------------- */

struct listing {
    struct hb_previous *previous;
    struct hb_error *error;
};

/* Keeps of each member what it takes to find its units again. */
static int keep_member(const struct hb_lister *lister, const struct hb_member *member)
{
    struct listing *listing = lister->self;
    struct hb_previous *previous = listing->previous;
    const char *problem = hb_member_problem(member);
    if (problem != NULL)
        return hb_error_set(listing->error, HB_STATUS_FATAL, "one of its entries %s", problem);
    struct hb_entry entry = *member->entry;
    entry.index = previous->listed.count;
    if (entry.index >= previous->index.count ||
        !hb_trailer_matches(&previous->archive.trailer, &entry))
        return hb_error_set(listing->error, HB_STATUS_FATAL, "%s differs from what was stored",
                            entry.path);
    const uint64_t row[COLUMNS] = {
        [TOKEN] = member->token,
        [BYTES] = entry.type == HB_TYPE_FILE ? entry.bytes : 0,
    };
    hb_numbers_add(&previous->listed, row);
    return HB_OK;
}

static int list(struct hb_previous *previous, struct hb_error *error)
{
    struct hb_archive *archive = &previous->archive;
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    struct listing listing = {.previous = previous, .error = error};
    struct hb_lister lister = {.size = sizeof lister, .self = &listing, .member = keep_member};
    size_t count = previous->index.count;
    previous->listed.columns = COLUMNS;
    error->text[0] = '\0';
    hb_run_clear_failure(archive->run);
    int status = ops->list(archive->format->self, &archive->input, &lister);
    if (status < 0 && error->text[0] == '\0')
        hb_instance_error(archive->format, HB_STATUS_FATAL, NULL, error);
    if (status < 0)
        return HB_STATUS_FATAL;
    if (status == HB_STATUS_NOMATCH || previous->listed.count != count)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "its entries differ from those that were stored");
    return HB_OK;
}

/* Does the archive prove that it was made by this installation, of this home? */
static int check_origin(const struct hb_previous_request *request, const struct hb_trailer *trailer,
                        const void *data, size_t bytes, struct hb_error *error)
{
    if (!trailer->has_origin || !hb_home_id_is(request->id, trailer->origin.home))
        return hb_error_set(error, HB_STATUS_FATAL, "it does not say that it belongs to this home");
    if (!request->seal_key->known)
        return HB_STATUS_NOMATCH; /* why was said already */
    if (!hb_trailer_is_sealed(data, bytes, request->seal_key->key))
        return hb_error_set(error, HB_STATUS_FATAL, "%s",
                            request->seal_key->made
                                ? "the key that it may have been sealed with is gone"
                                : "it was not sealed with the key of this installation");
    return HB_OK;
}

/* Trailer and index; the latter must have been made with the same key. */
static int read_index(struct hb_previous *previous, const struct hb_previous_request *request,
                      struct hb_error *error)
{
    struct hb_archive *archive = &previous->archive;
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    void *data = NULL;
    size_t bytes = 0;
    if (!HB_CAN(ops, read_trailer) || !HB_CAN(ops, list) || !HB_CAN(ops, span) ||
        !HB_CAN(ops, locate))
        return HB_STATUS_NOMATCH;
    hb_run_clear_failure(archive->run);
    int status = ops->read_trailer(archive->format->self, &archive->input, &data, &bytes);
    if (status == HB_STATUS_NOMATCH)
        return HB_STATUS_NOMATCH;
    if (status != HB_OK)
        return hb_instance_error(archive->format, HB_STATUS_FATAL, NULL, error);
    status = hb_trailer_take(data, bytes, &archive->trailer, error);
    if (status == HB_OK && !hb_trailer_reuse(data, bytes, &previous->index))
        status = HB_STATUS_NOMATCH;
    if (status == HB_OK &&
        (memcmp(previous->index.key, request->key, 32) != 0 || archive->trailer.contents == NULL))
        status = HB_STATUS_NOMATCH;
    if (status == HB_OK)
        status = check_origin(request, &archive->trailer, data, bytes, error);
    if (status == HB_OK && archive->trailer.count != previous->index.count)
        status = hb_error_set(error, HB_STATUS_FATAL, "its trailer contradicts itself");
    return status;
}

static size_t bucket_of(const struct hb_previous *previous,
                        const struct hb_fingerprint *fingerprint)
{
    uint64_t at;
    memcpy(&at, fingerprint->bytes, sizeof at);
    at %= previous->bucket_count;
    while (previous->buckets[at] != 0 &&
           memcmp(&previous->index.fingerprints[previous->buckets[at] - 1], fingerprint,
                  sizeof *fingerprint) != 0)
        at = at + 1 == previous->bucket_count ? 0 : at + 1;
    return (size_t)at;
}

static void make_buckets(struct hb_previous *previous)
{
    const struct hb_reuse_index *index = &previous->index;
    previous->bucket_count = index->count + index->count / 3 + 1;
    previous->buckets = hb_alloc(previous->bucket_count * sizeof *previous->buckets);
    for (size_t i = 0; i < index->count; i++)
        if (hb_fingerprint_is_set(&index->fingerprints[i]))
            previous->buckets[bucket_of(previous, &index->fingerprints[i])] = (uint32_t)(i + 1);
}

static int compare_paths(const void *left, const void *right, void *context)
{
    const struct hb_long_entry *entries = context;
    return memcmp(&entries[*(const uint32_t *)left].path, &entries[*(const uint32_t *)right].path,
                  sizeof entries->path);
}

static void make_long_entries(struct hb_previous *previous)
{
    const struct hb_reuse_index *index = &previous->index;
    size_t part = 0;
    previous->first_parts = hb_alloc((index->long_count + 1) * sizeof *previous->first_parts);
    previous->by_path = hb_alloc((index->long_count + 1) * sizeof *previous->by_path);
    previous->offsets = hb_alloc((index->part_count + 1) * sizeof *previous->offsets);
    for (size_t i = 0; i < index->long_count; i++) {
        uint64_t offset = 0;
        previous->first_parts[i] = part;
        previous->by_path[i] = (uint32_t)i;
        for (size_t left = hb_reuse_units(index, index->long_entries[i].entry); left > 0; left--) {
            previous->offsets[part] = offset;
            offset += index->parts[part++].bytes;
        }
    }
    qsort_r(previous->by_path, index->long_count, sizeof *previous->by_path, compare_paths,
            index->long_entries);
}

static int tell_shut(const struct hb_previous_request *request, const struct hb_error *why)
{
    if (request->run->log_level <= HB_LOG_DEBUG)
        fprintf(request->run->log, "hbcore: nothing is reused: %s\n", why->text);
    return HB_STATUS_NOMATCH;
}

int hb_previous_open(const struct hb_previous_request *request, struct hb_previous **previous,
                     struct hb_error *error)
{
    struct hb_previous *made = hb_alloc(sizeof *made);
    made->unit_limit = request->unit_bytes + request->unit_bytes / 8 + (1 << 20);
    int status =
        hb_archive_open_file(request->run, request->path, request->label, &made->archive, error);
    if (made->archive.shut) /* each time where there is a public key alone: no note is worth that */
        status = tell_shut(request, error);
    if (status == HB_OK && (made->archive.stream ||
                            (made->archive.fd >= 0 && fstat(made->archive.fd, &made->status) != 0)))
        status = HB_STATUS_NOMATCH;
    if (status == HB_OK)
        status = read_index(made, request, error);
    if (status == HB_OK)
        status = list(made, error);
    if (status != HB_OK) {
        hb_previous_close(made);
        return status == HB_STATUS_NOMATCH ? HB_STATUS_NOMATCH : HB_STATUS_FATAL;
    }
    hb_trailer_forget_metadata(&made->archive.trailer); /* it was compared */
    make_buckets(made);
    make_long_entries(made);
    *previous = made;
    return HB_OK;
}

void hb_previous_close(struct hb_previous *previous)
{
    if (previous == NULL)
        return;
    hb_archive_close(&previous->archive);
    hb_reuse_clear(&previous->index);
    hb_numbers_clear(&previous->listed);
    free(previous->buckets);
    free(previous->first_parts);
    free(previous->by_path);
    free(previous->offsets);
    free(previous);
}

/* ---- looking up ---------------------------------------------------------------------------- */

size_t hb_previous_find(const struct hb_previous *previous,
                        const struct hb_fingerprint *fingerprint)
{
    if (!hb_fingerprint_is_set(fingerprint))
        return SIZE_MAX;
    size_t at = bucket_of(previous, fingerprint);
    return previous->buckets[at] == 0 ? SIZE_MAX : previous->buckets[at] - 1;
}

bool hb_previous_is_group(const struct hb_previous *previous, size_t first, size_t count)
{
    const struct hb_reuse_index *index = &previous->index;
    size_t last = first + count - 1;
    if (count == 0 || last >= index->count)
        return false;
    size_t unit = hb_reuse_first_unit(index, first);
    return hb_reuse_first_unit(index, last) == unit &&
           (first == 0 || hb_reuse_first_unit(index, first - 1) != unit) &&
           (last + 1 == index->count || hb_reuse_first_unit(index, last + 1) != unit);
}

size_t hb_previous_units(const struct hb_previous *previous, size_t entry)
{
    return hb_reuse_units(&previous->index, entry);
}

uint64_t hb_previous_bytes(const struct hb_previous *previous, size_t entry)
{
    uint64_t row[COLUMNS];
    hb_numbers_get(&previous->listed, entry, row);
    return row[BYTES];
}

size_t hb_previous_find_long(const struct hb_previous *previous, const struct hb_entry *entry)
{
    const struct hb_reuse_index *index = &previous->index;
    struct hb_fingerprint path;
    size_t low = 0, high = index->long_count;
    hb_fingerprint_path(entry, &path);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct hb_long_entry *there = &index->long_entries[previous->by_path[middle]];
        int order = memcmp(&there->path, &path, sizeof path);
        if (order == 0)
            return there->entry;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

bool hb_previous_content(const struct hb_previous *previous, size_t entry, uint64_t *content)
{
    *content = 0;
    (void)hb_trailer_content(&previous->archive.trailer, entry, content); /* asked when opened */
    return *content != 0 || hb_previous_bytes(previous, entry) == 0;
}

void hb_previous_give_back(struct hb_previous *previous, size_t entry)
{
    const struct hb_trailer *trailer = &previous->archive.trailer;
    hb_give_back(previous->index.fingerprints, &previous->fingerprints_back,
                 entry * sizeof *previous->index.fingerprints);
    hb_give_back(trailer->contents, &previous->contents_back, entry * sizeof *trailer->contents);
}

const json_t *hb_previous_facts(const struct hb_previous *previous, size_t entry)
{
    return hb_annotations_facts(previous->archive.trailer.annotations, entry);
}

const json_t *hb_previous_notes(const struct hb_previous *previous, size_t entry)
{
    return hb_annotations_notes(previous->archive.trailer.annotations, entry);
}

/* The part that unit `number` of a long entry is, or SIZE_MAX. */
static size_t part_of(const struct hb_previous *previous, size_t entry, uint64_t number)
{
    const struct hb_reuse_index *index = &previous->index;
    size_t low = 0, high = index->long_count;
    while (low < high) { /* they ascend by entry */
        size_t middle = low + (high - low) / 2;
        if (index->long_entries[middle].entry < entry)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == index->long_count || index->long_entries[low].entry != entry ||
        number >= hb_reuse_units(index, entry))
        return SIZE_MAX;
    return previous->first_parts[low] + (size_t)number;
}

const unsigned char *hb_previous_hash(const struct hb_previous *previous, size_t entry,
                                      uint64_t number)
{
    size_t part = part_of(previous, entry, number);
    return part == SIZE_MAX ? NULL : previous->index.parts[part].hash;
}

/* ---- where it lies ------------------------------------------------------------------------- */

bool hb_previous_span(const struct hb_previous *previous, size_t first, size_t count,
                      struct hb_range *range)
{
    const struct hb_archive *archive = &previous->archive;
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    size_t behind = first + count;
    struct hb_entry entries[2] = {{.size = sizeof *entries, .index = first},
                                  {.size = sizeof *entries, .index = behind}};
    struct hb_member members[2] = {
        {.size = sizeof *members, .entry = &entries[0], .token = token_of(previous, first)},
        {.size = sizeof *members, .entry = &entries[1]}};
    bool last = behind >= previous->index.count;
    if (!last)
        members[1].token = token_of(previous, behind);
    *range = (struct hb_range){.size = sizeof *range, .source = previous};
    return behind <= previous->index.count &&
           ops->span(archive->format->self, &members[0], last ? NULL : &members[1], range) ==
               HB_OK &&
           range->offset <= archive->input.bytes &&
           range->bytes <= archive->input.bytes - range->offset &&
           range->tail <= HB_RANGE_TAIL_MOST && range->tail <= range->bytes;
}

int hb_previous_fd(const struct hb_previous *previous)
{
    return previous->archive.opener == NULL ? previous->archive.fd
                                            : -1; /* what lies there is sealed */
}

uint64_t hb_previous_length(const struct hb_previous *previous)
{
    return previous->archive.input.bytes;
}

const struct hb_opened *hb_previous_object(const struct hb_previous *previous)
{
    const struct hb_archive *archive = &previous->archive;
    return archive->opened.store == NULL || archive->opener != NULL ? NULL : &archive->opened;
}

int64_t hb_previous_bytes_at(const struct hb_previous *previous, void *buffer, size_t bytes,
                             uint64_t offset)
{
    const struct hb_input *input = &previous->archive.input;
    return input->read_at(input, buffer, bytes, offset);
}

static bool differ(const struct timespec *one, const struct timespec *other)
{
    return one->tv_sec != other->tv_sec || one->tv_nsec != other->tv_nsec;
}

bool hb_previous_has_changed(const struct hb_previous *previous)
{
    struct stat now;
    const struct stat *before = &previous->status;
    if (previous->archive.fd < 0) /* one version of an object is read, or nothing */
        return false;
    /* Who writes to it can put the time of that back, but not the time of the change. */
    return fstat(previous->archive.fd, &now) != 0 || now.st_size != before->st_size ||
           differ(&now.st_mtim, &before->st_mtim) || differ(&now.st_ctim, &before->st_ctim);
}

void hb_previous_unit(const struct hb_previous *previous, size_t entry, uint64_t number,
                      struct hb_unit *unit, struct hb_unit_mark *mark)
{
    const struct hb_reuse_index *index = &previous->index;
    size_t part = part_of(previous, entry, number);
    mark->check = hb_reuse_check(index, hb_reuse_first_unit(index, entry) + (size_t)number);
    if (part == SIZE_MAX)
        return;
    unit->bytes = index->parts[part].bytes;
    memcpy(unit->note, index->parts[part].note, sizeof unit->note);
    memcpy(mark->hash, index->parts[part].hash, sizeof mark->hash);
}

/* ---- proving ------------------------------------------------------------------------------- */

/* A range, read piece by piece. */
struct stretch {
    const struct hb_previous *previous;
    unsigned char *buffer; /* HB_PROOF_BYTES */
    size_t piece;          /* how many of them are read at once */
    uint64_t offset, left; /* of what is not in it */
    size_t at, fill;       /* within it */
};

static int64_t next_piece(void *self, const void **data, uint64_t most)
{
    struct stretch *stretch = self;
    const struct hb_archive *archive = &stretch->previous->archive;
    if (stretch->at == stretch->fill) {
        size_t want = stretch->left < stretch->piece ? (size_t)stretch->left : stretch->piece;
        int64_t got =
            hb_run_cancelled(archive->run)
                ? 0
                : archive->input.read_at(&archive->input, stretch->buffer, want, stretch->offset);
        if (got <= 0)
            return 0;
        stretch->offset += (uint64_t)got;
        stretch->left -= (uint64_t)got;
        stretch->fill = (size_t)got;
        stretch->at = 0;
    }
    uint64_t there = stretch->fill - stretch->at;
    *data = stretch->buffer + stretch->at;
    stretch->at += (size_t)(there < most ? there : most);
    return (int64_t)(there < most ? there : most);
}

static bool is_as_stored(struct stretch *stretch, size_t entry, const struct hb_unit *units,
                         size_t count)
{
    const struct hb_reuse_index *index = &stretch->previous->index;
    size_t first = hb_reuse_first_unit(index, entry);
    uint64_t check;
    for (size_t i = 0; i < count; i++)
        if (!hb_unit_check_pieces(&units[i], next_piece, stretch, &check) ||
            check != hb_reuse_check(index, first + i))
            return false;
    return true;
}

/* What is behind the units, by the format; then nothing more. */
static bool prove_tail(struct stretch *stretch, const struct hb_member *member,
                       const struct hb_range *range, struct hb_unit *units, size_t count)
{
    const struct hb_instance *format = stretch->previous->archive.format;
    const struct hb_format_ops *ops = format->plugin->ops;
    unsigned char tail[HB_RANGE_TAIL_MOST];
    size_t bytes = 0;
    while (bytes < range->tail) {
        const void *data;
        int64_t got = next_piece(stretch, &data, range->tail - bytes);
        if (got <= 0)
            return false;
        memcpy(tail + bytes, data, (size_t)got);
        bytes += (size_t)got;
    }
    return stretch->left == 0 && stretch->at == stretch->fill &&
           (bytes == 0 ||
            ops->locate(format->self, member, range, tail, bytes, units, count, NULL) == HB_OK);
}

/* In pieces that a processor's nearest caches hold, which are read in a third of the time; but what
 * is in front of the units, the path among it, is in the first. */
static size_t piece_of(const struct hb_entry *entry)
{
    enum { NEAR = 64 << 10 };
    return entry->path_bytes < NEAR / 8 ? NEAR : HB_PROOF_BYTES;
}

/* What is in front of the units, by the format, and the units, by their checksums. */
static bool prove(struct stretch *stretch, size_t first, const struct hb_entry *entry,
                  const struct hb_range *range, struct hb_unit *units, size_t count)
{
    const struct hb_archive *archive = &stretch->previous->archive;
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    struct hb_entry there = *entry;
    const void *data = NULL;
    uint64_t head = 0, bytes;
    there.index = first;
    struct hb_member member = {
        .size = sizeof member, .entry = &there, .token = token_of(stretch->previous, first)};
    int64_t got = next_piece(stretch, &data, HB_PROOF_BYTES);
    if (got <= 0 || ops->locate(archive->format->self, &member, range, data, (size_t)got, units,
                                count, &head) != HB_OK)
        return false;
    if (__builtin_add_overflow(head, range->tail, &bytes))
        return false;
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(bytes, units[i].bytes, &bytes))
            return false;
    stretch->at = (size_t)head;
    return head <= (uint64_t)got && bytes == range->bytes &&
           is_as_stored(stretch, first, units, count) &&
           prove_tail(stretch, &member, range, units, count);
}

bool hb_previous_prove(const struct hb_previous *previous, size_t first, size_t count,
                       const struct hb_entry *entry, unsigned char *buffer, struct hb_unit *unit,
                       struct hb_range *range)
{
    size_t unit_count = hb_previous_units(previous, first);
    HB_AUTO_FREE struct hb_unit *units = hb_alloc(unit_count * sizeof *units);
    struct hb_unit_mark mark;
    if (!hb_previous_span(previous, first, count, range))
        return false;
    for (size_t i = 0; i < unit_count; i++) {
        units[i].size = sizeof *units;
        hb_previous_unit(previous, first, i, &units[i], &mark);
    }
    struct stretch stretch = {.previous = previous,
                              .buffer = buffer,
                              .piece = piece_of(entry),
                              .offset = range->offset,
                              .left = range->bytes};
    bool proven = prove(&stretch, first, entry, range, units, unit_count);
    *unit = units[0];
    return proven;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* A part of a long entry: its units are all that lies behind the head. */
static bool find_part(const struct hb_previous *previous, size_t entry, uint64_t number,
                      struct hb_unit *unit, uint64_t *offset)
{
    const struct hb_reuse_index *index = &previous->index;
    size_t part = part_of(previous, entry, number);
    struct hb_range range;
    if (part == SIZE_MAX || !hb_previous_span(previous, entry, 1, &range))
        return false;
    size_t last = part - (size_t)number + hb_previous_units(previous, entry) - 1;
    uint64_t all = previous->offsets[last] + index->parts[last].bytes + range.tail;
    if (all > range.bytes || index->parts[part].bytes > previous->unit_limit)
        return false;
    *offset = range.offset + range.bytes - all + previous->offsets[part];
    unit->bytes = index->parts[part].bytes;
    memcpy(unit->note, index->parts[part].note, sizeof unit->note);
    return true;
}

bool hb_previous_read(const struct hb_previous *previous, size_t entry, uint64_t number,
                      struct hb_unit *unit, uint64_t *check)
{
    const struct hb_archive *archive = &previous->archive;
    uint64_t offset;
    if (!find_part(previous, entry, number, unit, &offset))
        return false;
    void *data = malloc(unit->bytes == 0 ? 1 : (size_t)unit->bytes);
    if (data == NULL)
        return false;
    int64_t got = archive->input.read_at(&archive->input, data, (size_t)unit->bytes, offset);
    unit->data = data;
    *check = got < 0 || (uint64_t)got != unit->bytes ? 0 : hb_unit_check(unit, data);
    if (got >= 0 && (uint64_t)got == unit->bytes &&
        *check == hb_reuse_check(&previous->index,
                                 hb_reuse_first_unit(&previous->index, entry) + (size_t)number))
        return true;
    free(data);
    unit->data = NULL;
    return false;
}
