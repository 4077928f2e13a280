/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/extract.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/progress.h"
#include "files/io.h"
#include "host/failure.h"
#include <errno.h>
#include <string.h>

enum {
    ZERO_BYTES = 1 << 16,
    LARGE_BYTES = 8 << 20 /* groups of so much content are decoded before all others */
};

/* The member whose data is coming in, on one thread. */
struct current {
    const struct hb_extract_request *request;
    struct hb_error *error; /* of this thread */
    unsigned worker;        /* its number */
    size_t index;           /* SIZE_MAX: none */
    int fd;
    uint64_t bytes;   /* so far, gaps included */
    uint64_t written; /* so far; what follows up to `bytes` is a hole */
    uint64_t limit;
    bool cannot_go_on; /* not the archive is at fault, but where its data goes */
};

static int fill_gap(int fd, uint64_t bytes)
{
    static const char zeros[ZERO_BYTES];
    int result = 0;
    for (; bytes > 0 && result == 0; bytes -= bytes < ZERO_BYTES ? bytes : ZERO_BYTES)
        result = hb_write_all(fd, zeros, bytes < ZERO_BYTES ? (size_t)bytes : ZERO_BYTES);
    return result;
}

static bool is_zero(const unsigned char *data, size_t bytes)
{
    return data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0;
}

/*
 * The file is new, so that what is not written in it reads as zero bytes: blocks of them become
 * holes. Data may come in pieces that cut a block; each part of it is judged alone.
 */
static int write_sparse(struct current *current, const unsigned char *data, size_t bytes,
                        uint64_t offset)
{
    size_t at = 0, from = 0; /* [from, at) is to be written */
    int result = 0;
    while (at < bytes && result == 0) {
        size_t left = ZERO_BYTES - (size_t)((offset + at) % ZERO_BYTES);
        size_t part = left < bytes - at ? left : bytes - at;
        bool whole = current->limit - (offset + at) >= left; /* else the file's last bytes */
        if (whole && is_zero(data + at, part)) {
            result = hb_write_all_at(current->fd, data + from, at - from, offset + from);
            if (at > from)
                current->written = offset + at;
            from = at + part;
        }
        at += part;
    }
    if (result == 0 && at > from) {
        result = hb_write_all_at(current->fd, data + from, at - from, offset + from);
        current->written = offset + at;
    }
    return result;
}

/* To a pipe, where gaps must be filled. */
static int write_onwards(const struct current *current, const void *data, size_t bytes,
                         uint64_t offset)
{
    int result = offset > current->bytes ? fill_gap(current->fd, offset - current->bytes) : 0;
    return result == 0 ? hb_write_all(current->fd, data, bytes) : result;
}

static int cannot_write(struct current *current, int error)
{
    const struct hb_archive *archive = current->request->archive;
    current->cannot_go_on = true;
    hb_error_set(current->error, HB_FATAL, "%s: cannot be written: %s",
                 hb_catalog_path(&archive->catalog, current->index), strerror(error));
    hb_error_space(current->error, error, " and try again; nothing was changed");
    return HB_FATAL;
}

static int begin_member(struct current *current, size_t index, uint64_t limit)
{
    const struct hb_extract_request *request = current->request;
    current->index = index;
    current->bytes = current->written = 0;
    current->limit = limit;
    current->fd = request->open(request->context, current->worker, index, current->error);
    current->cannot_go_on = current->fd < -1;
    return current->fd < -1 ? HB_FATAL : HB_OK;
}

static int put_data(struct current *current, const void *data, size_t bytes, uint64_t offset)
{
    const char *path = hb_catalog_path(&current->request->archive->catalog, current->index);
    uint64_t end;
    if (__builtin_add_overflow(offset, bytes, &end) || offset < current->bytes ||
        end > current->limit)
        return hb_error_set(current->error, HB_FATAL,
                            "%s: is damaged: there is more data than was announced", path);
    int result = 0;
    if (current->fd >= 0)
        result = current->request->sequential ? write_onwards(current, data, bytes, offset)
                                              : write_sparse(current, data, bytes, offset);
    current->bytes = end;
    return result == 0 ? HB_OK : cannot_write(current, -result);
}

static void drop_member(struct current *current)
{
    if (current->fd >= 0)
        close(current->fd);
    current->fd = -1;
    current->index = SIZE_MAX;
}

/* The member ends at `bytes`; a last gap becomes a hole. */
static int end_member(struct current *current, uint64_t bytes)
{
    const struct hb_extract_request *request = current->request;
    int result = 0;
    if (current->fd >= 0 && request->sequential && bytes > current->bytes)
        result = fill_gap(current->fd, bytes - current->bytes);
    else if (current->fd >= 0 && !request->sequential && bytes > current->written &&
             ftruncate(current->fd, (off_t)bytes) != 0)
        result = -errno;
    int status = result == 0 ? request->done(request->context, current->worker, current->index,
                                             current->fd, bytes, current->error)
                             : cannot_write(current, -result);
    current->cannot_go_on = status < 0;
    hb_progress_add(request->archive->run->progress, 1, bytes);
    drop_member(current);
    return status;
}

/* ---- decoding, by groups, on all workers --------------------------------------------------- */

/*
 * Directories and links have nothing to be written, but the format compares what it has in two
 * places about them when it decodes.
 */
enum wanted { NOT_WANTED = 0, WANTED = 1, ONLY_CHECKED = 2 };

/* A group that takes long: it is begun first, so that nobody waits for its end in the end. */
struct large_group {
    size_t first;
    uint64_t bytes;
};

struct extraction {
    const struct hb_extract_request *request;
    pthread_mutex_t lock;
    struct large_group *large; /* the largest first */
    size_t large_count;
    size_t large_taken;
    size_t next;     /* the first member that no worker has taken, large groups aside */
    uint8_t *wanted; /* enum wanted */
    int status;
    struct hb_error *error; /* of the first failure */
};

struct decoder {
    struct extraction *extraction;
    pthread_t thread;
    bool started;
    void *worker;
    struct current current;
    struct hb_error error;
};

/* One output of decode(). */
struct member_output {
    struct hb_output output;
    struct decoder *decoder;
    size_t index;
    bool begun;
    bool dropped; /* its data, if it has any, is not wanted */
};

static int end_current(struct decoder *decoder)
{
    struct current *current = &decoder->current;
    const struct hb_catalog *catalog = &decoder->extraction->request->archive->catalog;
    if (current->index == SIZE_MAX)
        return HB_OK;
    if (current->bytes != catalog->members[current->index].bytes)
        return hb_error_set(current->error, HB_FATAL,
                            "%s: is damaged: %llu bytes were announced, %llu came",
                            hb_catalog_path(catalog, current->index),
                            (unsigned long long)catalog->members[current->index].bytes,
                            (unsigned long long)current->bytes);
    return end_member(current, current->bytes);
}

static int output_write(const struct hb_output *output, const void *data, size_t bytes,
                        uint64_t offset)
{
    struct member_output *mine = output->self;
    struct decoder *decoder = mine->decoder;
    if (hb_run_cancelled(decoder->extraction->request->archive->run))
        return hb_error_set(&decoder->error, HB_CANCELLED, "interrupted");
    if (mine->dropped)
        return HB_OK;
    if (decoder->current.index != mine->index) {
        int status = mine->begun ? hb_error_set(&decoder->error, HB_FATAL,
                                                "the format mixes the data of members")
                                 : end_current(decoder);
        if (status == HB_OK) {
            const struct hb_catalog *catalog = &decoder->extraction->request->archive->catalog;
            status =
                begin_member(&decoder->current, mine->index, catalog->members[mine->index].bytes);
        }
        if (status != HB_OK)
            return status;
        mine->begun = true;
    }
    return put_data(&decoder->current, data, bytes, offset);
}

/* Members that got no data are empty, or something is wrong. */
static int end_group(struct decoder *decoder, struct member_output *outputs, size_t count)
{
    int status = end_current(decoder);
    for (size_t i = 0; status == HB_OK && i < count; i++) {
        if (outputs[i].begun || outputs[i].dropped)
            continue;
        status = begin_member(&decoder->current, outputs[i].index, 0);
        if (status == HB_OK)
            status = end_current(decoder);
    }
    return status;
}

/* A group stands or falls together: its first member has to do where there are several. */
static void say_undecodable(struct decoder *decoder, int status, const struct hb_entry *entries,
                            size_t count)
{
    const struct hb_archive *archive = decoder->extraction->request->archive;
    HB_AUTO_FREE char *more =
        count == 1 ? hb_copy_text("") : hb_format(" and %zu stored together with it", count - 1);
    HB_AUTO_FREE char *first = hb_printable(entries[0].path);
    hb_error_set(&decoder->error, status, "%s: %s%s: %s", archive->shown, first, more,
                 hb_instance_failure(archive->format));
}

static int decode_group(struct decoder *decoder, const size_t *indexes, size_t count)
{
    struct hb_archive *archive = decoder->extraction->request->archive;
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    struct hb_entry *entries = hb_alloc(count * sizeof *entries);
    struct hb_member *members = hb_alloc(count * sizeof *members);
    struct member_output *outputs = hb_alloc(count * sizeof *outputs);
    const struct hb_member **member_pointers = hb_alloc(count * sizeof *member_pointers);
    const struct hb_output **output_pointers = hb_alloc(count * sizeof *output_pointers);
    for (size_t i = 0; i < count; i++) {
        hb_catalog_member(&archive->catalog, indexes[i], &entries[i], &members[i]);
        outputs[i] = (struct member_output){
            .decoder = decoder,
            .index = indexes[i],
            .dropped = decoder->extraction->wanted[indexes[i]] == ONLY_CHECKED,
        };
        outputs[i].output = (struct hb_output){
            .size = sizeof outputs[i].output, .self = &outputs[i], .write = output_write};
        member_pointers[i] = &members[i];
        output_pointers[i] = &outputs[i].output;
    }
    decoder->error.text[0] = '\0';
    hb_run_clear_failure(archive->run);
    int status = ops->decode(archive->format->self, decoder->worker, &archive->input,
                             member_pointers, count, output_pointers);
    if (status >= 0 && decoder->error.text[0] != '\0')
        status = HB_FATAL; /* an output failed, and the plugin went on */
    else if (status >= 0)
        status = end_group(decoder, outputs, count);
    else if (decoder->error.text[0] == '\0')
        say_undecodable(decoder, status, entries, count);
    drop_member(&decoder->current);
    free(entries);
    free(members);
    free(outputs);
    free(member_pointers);
    free(output_pointers);
    return status;
}

/* The group that begins with this member ends before the one that is returned. */
static size_t group_end(const struct hb_catalog *catalog, size_t first)
{
    size_t end = first + 1;
    while (end < catalog->count && catalog->members[end].group == catalog->members[first].group)
        end++;
    return end;
}

/* What is to be decoded of the group. */
static uint64_t group_bytes(const struct extraction *extraction, size_t first, size_t end)
{
    const struct hb_catalog *catalog = &extraction->request->archive->catalog;
    uint64_t bytes = 0;
    for (size_t i = first; i < end; i++)
        if (extraction->wanted[i] != NOT_WANTED &&
            __builtin_add_overflow(bytes, catalog->members[i].bytes, &bytes))
            return UINT64_MAX;
    return bytes;
}

static int by_bytes(const void *left, const void *right)
{
    const struct large_group *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    return (a->first > b->first) - (a->first < b->first);
}

static void find_large_groups(struct extraction *extraction)
{
    const struct hb_catalog *catalog = &extraction->request->archive->catalog;
    for (size_t first = 0, end; first < catalog->count; first = end) {
        end = group_end(catalog, first);
        uint64_t bytes = group_bytes(extraction, first, end);
        if (bytes < LARGE_BYTES)
            continue;
        extraction->large =
            hb_resize(extraction->large, extraction->large_count + 1, sizeof *extraction->large);
        extraction->large[extraction->large_count++] = (struct large_group){first, bytes};
    }
    if (extraction->large_count > 0)
        qsort(extraction->large, extraction->large_count, sizeof *extraction->large, by_bytes);
}

/* The wanted members of the group. Caller frees *indexes. */
static size_t take_members(struct extraction *extraction, size_t first, size_t end,
                           size_t **indexes)
{
    size_t count = 0;
    for (size_t i = first; i < end; i++)
        count += extraction->wanted[i] != NOT_WANTED;
    if (count == 0)
        return 0;
    *indexes = hb_alloc(count * sizeof **indexes);
    for (size_t i = first, at = 0; i < end; i++)
        if (extraction->wanted[i] != NOT_WANTED)
            (*indexes)[at++] = i;
    return count;
}

/* Takes the wanted members of the next group. Caller frees *indexes. */
static size_t take_group(struct extraction *extraction, size_t **indexes)
{
    const struct hb_catalog *catalog = &extraction->request->archive->catalog;
    size_t count = 0;
    *indexes = NULL;
    pthread_mutex_lock(&extraction->lock);
    if (extraction->status == HB_OK && extraction->large_taken < extraction->large_count) {
        size_t first = extraction->large[extraction->large_taken++].first;
        count = take_members(extraction, first, group_end(catalog, first), indexes);
    }
    while (extraction->status == HB_OK && extraction->next < catalog->count && count == 0) {
        size_t first = extraction->next;
        extraction->next = group_end(catalog, first);
        if (group_bytes(extraction, first, extraction->next) < LARGE_BYTES)
            count = take_members(extraction, first, extraction->next, indexes);
    }
    pthread_mutex_unlock(&extraction->lock);
    return count;
}

/* A group could not be decoded. Is the next one to be tried? */
static bool passes_over(struct decoder *decoder, int status, const size_t *indexes, size_t count)
{
    struct extraction *extraction = decoder->extraction;
    const struct hb_extract_request *request = extraction->request;
    bool damage = status != HB_CANCELLED && !decoder->current.cannot_go_on;
    pthread_mutex_lock(&extraction->lock);
    bool on = damage && request->damaged != NULL &&
              request->damaged(request->context, indexes, count, &decoder->error);
    if (!on && extraction->status == HB_OK) {
        extraction->status = status;
        *extraction->error = decoder->error;
    }
    pthread_mutex_unlock(&extraction->lock);
    return on;
}

static void *decoder_main(void *argument)
{
    struct decoder *decoder = argument;
    struct extraction *extraction = decoder->extraction;
    struct hb_run *run = extraction->request->archive->run;
    size_t *indexes, count;
    while ((count = take_group(extraction, &indexes)) > 0) {
        int status = hb_run_cancelled(run)
                         ? hb_error_set(&decoder->error, HB_CANCELLED, "interrupted")
                         : decode_group(decoder, indexes, count);
        bool ends = status < 0 && !passes_over(decoder, status, indexes, count);
        free(indexes);
        if (ends)
            break;
    }
    return NULL;
}

static int run_decoders(struct extraction *extraction, unsigned count, struct hb_error *error)
{
    struct hb_archive *archive = extraction->request->archive;
    const struct hb_format_ops *ops = archive->format->plugin->ops;
    struct decoder *decoders = hb_alloc(count * sizeof *decoders);
    int status = HB_OK;
    for (unsigned i = 0; i < count && status == HB_OK; i++) {
        struct decoder *decoder = &decoders[i];
        decoder->extraction = extraction;
        decoder->current = (struct current){.request = extraction->request,
                                            .error = &decoder->error,
                                            .worker = i,
                                            .index = SIZE_MAX,
                                            .fd = -1};
        hb_run_clear_failure(archive->run);
        if (HB_CAN(ops, worker_create) &&
            (decoder->worker = ops->worker_create(archive->format->self)) == NULL)
            status = hb_error_set(error, HB_FATAL, "%s", hb_instance_failure(archive->format));
        else if (pthread_create(&decoder->thread, NULL, decoder_main, decoder) != 0)
            status = hb_error_set(error, HB_FATAL, "cannot start a thread");
        else
            decoder->started = true;
    }
    if (status != HB_OK) {
        pthread_mutex_lock(&extraction->lock);
        extraction->status = status;
        pthread_mutex_unlock(&extraction->lock);
    }
    for (unsigned i = 0; i < count; i++) {
        if (decoders[i].started)
            pthread_join(decoders[i].thread, NULL);
        if (decoders[i].worker != NULL)
            ops->worker_destroy(archive->format->self, decoders[i].worker);
    }
    free(decoders);
    return extraction->status;
}

static uint8_t wanted_how(const struct hb_extract_request *request, size_t index)
{
    if (request->archive->catalog.members[index].type == HB_FILE &&
        request->wanted(request->context, index))
        return WANTED;
    return request->whole ? ONLY_CHECKED : NOT_WANTED;
}

static int extract_by_index(const struct hb_extract_request *request, struct hb_error *error)
{
    const struct hb_catalog *catalog = &request->archive->catalog;
    struct extraction extraction = {.request = request, .error = error, .status = HB_OK};
    pthread_mutex_init(&extraction.lock, NULL);
    extraction.wanted = hb_alloc(catalog->count * sizeof *extraction.wanted);
    for (size_t i = 0; i < catalog->count; i++)
        extraction.wanted[i] = wanted_how(request, i);
    find_large_groups(&extraction);
    int status = run_decoders(&extraction, request->workers, error);
    free(extraction.wanted);
    free(extraction.large);
    pthread_mutex_destroy(&extraction.lock);
    return status;
}

/* ---- walking
 * ----------------------------------------------------------------------------------------- */

struct walking {
    const struct hb_extract_request *request;
    struct hb_error *error;
    struct current current;
    size_t next;  /* index of the next member */
    bool filling; /* a stream: the catalog is filled on the way */
};

static bool same_member(const struct hb_catalog *catalog, size_t index,
                        const struct hb_entry *entry)
{
    return index < catalog->count && catalog->members[index].type == entry->type;
}

static int walk_entry(const struct hb_visitor *visitor, const struct hb_entry *entry)
{
    struct walking *walking = visitor->self;
    struct hb_archive *archive = walking->request->archive;
    if (hb_run_cancelled(archive->run))
        return hb_error_set(walking->error, HB_CANCELLED, "interrupted");
    if (walking->filling && hb_archive_admit(archive, entry, walking->error) != HB_OK)
        return HB_FATAL;
    if (walking->filling)
        hb_catalog_add(&archive->catalog, entry, NULL);
    else if (!same_member(&archive->catalog, walking->next, entry))
        return hb_error_set(walking->error, HB_FATAL, "%s: changed between listing and reading",
                            archive->shown);
    size_t index = walking->next++;
    if (entry->type != HB_FILE || !walking->request->wanted(walking->request->context, index))
        return HB_SKIP;
    uint64_t limit = walking->filling ? entry->bytes : archive->catalog.members[index].bytes;
    int status = begin_member(&walking->current, index, limit);
    return status == HB_OK ? HB_OK : status;
}

static int walk_data(const struct hb_visitor *visitor, const void *data, size_t bytes,
                     uint64_t offset)
{
    struct walking *walking = visitor->self;
    if (walking->current.index == SIZE_MAX)
        return HB_OK;
    if (hb_run_cancelled(walking->request->archive->run))
        return hb_error_set(walking->error, HB_CANCELLED, "interrupted");
    return put_data(&walking->current, data, bytes, offset);
}

static int walk_end(const struct hb_visitor *visitor, uint64_t bytes)
{
    struct walking *walking = visitor->self;
    struct hb_catalog *catalog = &walking->request->archive->catalog;
    if (walking->filling && bytes != HB_UNKNOWN && catalog->count > 0)
        catalog->members[catalog->count - 1].bytes = bytes;
    if (walking->current.index == SIZE_MAX)
        return HB_OK;
    if (bytes == HB_UNKNOWN)
        bytes = walking->current.bytes;
    uint64_t announced = walking->current.limit;
    if (bytes < walking->current.bytes || (announced != HB_UNKNOWN && bytes != announced))
        return hb_error_set(walking->error, HB_FATAL,
                            "%s: is damaged: %llu bytes were announced, %llu came",
                            hb_catalog_path(catalog, walking->current.index),
                            (unsigned long long)announced, (unsigned long long)bytes);
    return end_member(&walking->current, bytes);
}

static int walk_trailer(const struct hb_visitor *visitor, const void *data, size_t bytes)
{
    struct walking *walking = visitor->self;
    return hb_archive_take_trailer(walking->request->archive, data, bytes, walking->error);
}

static int extract_by_walk(const struct hb_extract_request *request, bool filling,
                           struct hb_error *error)
{
    struct hb_archive *archive = request->archive;
    struct walking walking = {
        .request = request,
        .error = error,
        .current = {.request = request, .error = error, .index = SIZE_MAX, .fd = -1},
        .filling = filling,
    };
    struct hb_visitor visitor = {
        .size = sizeof visitor,
        .self = &walking,
        .entry = walk_entry,
        .data = walk_data,
        .end = walk_end,
        .trailer = walk_trailer,
    };
    int status = hb_archive_walk(archive, &visitor, error);
    drop_member(&walking.current);
    if (status == HB_OK && walking.next != archive->catalog.count)
        return hb_error_set(error, HB_FATAL, "%s: changed between listing and reading",
                            archive->shown);
    return status;
}

int hb_extract(const struct hb_extract_request *request, struct hb_error *error)
{
    return request->archive->listed ? extract_by_index(request, error)
                                    : extract_by_walk(request, false, error);
}

int hb_extract_stream(const struct hb_extract_request *request, struct hb_error *error)
{
    int status = extract_by_walk(request, true, error);
    return status == HB_OK ? hb_archive_check_trailer(request->archive, error) : status;
}
