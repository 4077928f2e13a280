/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/extract.h"

#include "archive/extract_output.h"
#include "archive/extract_walk.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/progress.h"
#include "files/io.h"
#include "host/failure.h"
#include <errno.h>
#include <string.h>

enum {
    LARGE_BYTES = 8 << 20, /* groups of so much content are decoded before all others */
    /* Small groups that lie together are taken together: what they have in common (a directory, a
     * part of the archive) is one thread's. */
    RUN_GROUPS = 64,
    RUN_BYTES = 256 << 10
};

/*
 * Directories and links have nothing to be written, but the format compares what it has in two
 * places about them when it decodes; files that nobody wants are compared with their checksums.
 */
enum wanted { NOT_WANTED = 0, WANTED = 1, ONLY_CHECKED = 2 };

/* A group that takes long. It is begun first, so that at the end nobody waits for it. */
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
    size_t next, end; /* members of groups that it has taken */
    struct hb_output_member current;
    struct hb_error error;
};

/* One output of decode(). */
struct member_output {
    struct hb_output output;
    struct decoder *decoder;
    size_t index;
    bool begun;
    bool only_checked;
    bool dropped; /* its data, if it has any, is nothing to us */
};

static bool passes_over(struct decoder *decoder, int status, const size_t *indexes, size_t count);

/* Other bytes than were stored, as many: of those that share its group nothing is said. */
static int pass_over_current(struct decoder *decoder)
{
    size_t index = decoder->current.index;
    hb_output_drop(&decoder->current);
    if (!passes_over(decoder, HB_STATUS_FATAL, &index, 1))
        return HB_STATUS_FATAL;
    decoder->error.text[0] = '\0';
    return HB_OK;
}

static int end_current(struct decoder *decoder)
{
    struct hb_output_member *current = &decoder->current;
    const struct hb_catalog *catalog = &decoder->extraction->request->archive->catalog;
    if (current->index == SIZE_MAX)
        return HB_OK;
    if (current->bytes != catalog->members[current->index].bytes)
        return hb_output_damaged(current, "it should have %llu bytes, but has %llu",
                                 (unsigned long long)catalog->members[current->index].bytes,
                                 (unsigned long long)current->bytes);
    if (hb_output_compare(current, current->bytes) != HB_OK)
        return pass_over_current(decoder);
    return hb_output_end(current, current->bytes);
}

static int begin_member(struct decoder *decoder, const struct member_output *output, uint64_t limit)
{
    decoder->current.only_checked = output->only_checked;
    return hb_output_begin(&decoder->current, output->index, limit);
}

static int output_write(const struct hb_output *output, const void *data, size_t bytes,
                        uint64_t offset)
{
    struct member_output *mine = output->self;
    struct decoder *decoder = mine->decoder;
    if (hb_run_cancelled(decoder->extraction->request->archive->run))
        return hb_error_set(&decoder->error, HB_STATUS_CANCELLED, "interrupted");
    if (mine->dropped)
        return HB_OK;
    if (decoder->current.index != mine->index) {
        int status = mine->begun ? hb_error_set(&decoder->error, HB_STATUS_FATAL,
                                                "the format plugin mixes the data of members")
                                 : end_current(decoder);
        if (status == HB_OK) {
            const struct hb_catalog *catalog = &decoder->extraction->request->archive->catalog;
            status = begin_member(decoder, mine, catalog->members[mine->index].bytes);
        }
        if (status != HB_OK)
            return status;
        mine->begun = true;
    }
    return hb_output_put(&decoder->current, data, bytes, offset);
}

/* Members that got no data are empty, or something is wrong. */
static int end_group(struct decoder *decoder, struct member_output *outputs, size_t count)
{
    int status = end_current(decoder);
    for (size_t i = 0; status == HB_OK && i < count; i++) {
        if (outputs[i].begun || outputs[i].dropped)
            continue;
        status = begin_member(decoder, &outputs[i], 0);
        if (status == HB_OK)
            status = end_current(decoder);
    }
    return status;
}

/* A group is decoded as a whole or not at all; the message names its first member. */
static void say_undecodable(struct decoder *decoder, int status, const struct hb_entry *entries,
                            size_t count)
{
    const struct hb_archive *archive = decoder->extraction->request->archive;
    HB_AUTO_FREE char *more =
        count == 1 ? hb_copy_text("") : hb_text(" and %zu stored together with it", count - 1);
    HB_AUTO_FREE char *first = hb_printable(entries[0].path);
    hb_error_set(&decoder->error, status, "%s: %s%s: %s", archive->shown, first, more,
                 hb_instance_failure(archive->format));
    hb_error_set_why(&decoder->error, hb_instance_reason(archive->format));
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
        bool only_checked = decoder->extraction->wanted[indexes[i]] == ONLY_CHECKED;
        bool compared = decoder->current.hashes && entries[i].type == HB_TYPE_FILE;
        outputs[i] = (struct member_output){
            .decoder = decoder,
            .index = indexes[i],
            .only_checked = only_checked,
            .dropped = only_checked && !compared,
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
        status = HB_STATUS_FATAL; /* an output failed, and the plugin went on */
    else if (status >= 0)
        status = end_group(decoder, outputs, count);
    else if (decoder->error.text[0] == '\0')
        say_undecodable(decoder, status, entries, count);
    hb_output_drop(&decoder->current);
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
    uint64_t group = hb_catalog_group(catalog, first, NULL);
    size_t end = first + 1;
    while (end < catalog->count && hb_catalog_group(catalog, end, NULL) == group)
        end++;
    return end;
}

/* How many bytes of the group are decoded. */
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

/* The next small groups for this thread; large ones are left out of them. With the lock. */
static void take_run(struct decoder *decoder)
{
    struct extraction *extraction = decoder->extraction;
    const struct hb_catalog *catalog = &extraction->request->archive->catalog;
    /* Of what is left a part that leaves some for everybody, also towards the end. */
    size_t most = (catalog->count - extraction->next) / (4 * (size_t)extraction->request->workers);
    most = most > RUN_GROUPS ? RUN_GROUPS : most == 0 ? 1 : most;
    uint64_t bytes = 0;
    decoder->next = decoder->end = extraction->next;
    for (size_t groups = 0; groups < most && bytes < RUN_BYTES && decoder->end < catalog->count;
         groups++) {
        size_t first = decoder->end;
        decoder->end = group_end(catalog, first);
        uint64_t group = group_bytes(extraction, first, decoder->end);
        bytes += group < LARGE_BYTES ? group : 0;
    }
    extraction->next = decoder->end;
}

/* Takes the wanted members of the next group. Caller frees *indexes; 0: there are no more. */
static size_t take_group(struct decoder *decoder, size_t **indexes)
{
    struct extraction *extraction = decoder->extraction;
    const struct hb_catalog *catalog = &extraction->request->archive->catalog;
    size_t count = 0;
    bool more = true;
    *indexes = NULL;
    while (count == 0 && more) {
        if (decoder->next < decoder->end) {
            size_t first = decoder->next;
            decoder->next = group_end(catalog, first);
            if (group_bytes(extraction, first, decoder->next) < LARGE_BYTES)
                count = take_members(extraction, first, decoder->next, indexes);
            continue;
        }
        pthread_mutex_lock(&extraction->lock);
        more = extraction->status == HB_OK;
        if (more && extraction->large_taken < extraction->large_count) {
            size_t first = extraction->large[extraction->large_taken++].first;
            count = take_members(extraction, first, group_end(catalog, first), indexes);
        } else if (more) {
            take_run(decoder);
            more = decoder->next < decoder->end;
        }
        pthread_mutex_unlock(&extraction->lock);
    }
    return count;
}

/* The format cannot decode these; nothing is said against the archive. */
static bool is_unreadable(struct decoder *decoder, const size_t *indexes, size_t count)
{
    const struct hb_extract_request *request = decoder->extraction->request;
    HB_AUTO_FREE char *why =
        hb_text("cannot be decoded: %s", hb_instance_failure(request->archive->format));
    return request->unreadable != NULL &&
           request->unreadable(request->context, indexes, count, why);
}

/* A group could not be decoded. Is the next one to be tried? */
static bool passes_over(struct decoder *decoder, int status, const size_t *indexes, size_t count)
{
    struct extraction *extraction = decoder->extraction;
    const struct hb_extract_request *request = extraction->request;
    bool archive = status != HB_STATUS_CANCELLED && !decoder->current.cannot_go_on;
    pthread_mutex_lock(&extraction->lock);
    bool on =
        archive && (status == HB_STATUS_ENTRY
                        ? is_unreadable(decoder, indexes, count)
                        : request->damaged != NULL &&
                              request->damaged(request->context, indexes, count, &decoder->error));
    if (!on && extraction->status == HB_OK) {
        extraction->status = status == HB_STATUS_ENTRY ? HB_STATUS_FATAL : status;
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
    while ((count = take_group(decoder, &indexes)) > 0) {
        int status = hb_run_cancelled(run)
                         ? hb_error_set(&decoder->error, HB_STATUS_CANCELLED, "interrupted")
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
        decoder->current = (struct hb_output_member){.request = extraction->request,
                                                     .error = &decoder->error,
                                                     .worker = i,
                                                     .index = SIZE_MAX,
                                                     .fd = -1,
                                                     .hashes = archive->trailer.contents != NULL};
        hb_run_clear_failure(archive->run);
        if (HB_CAN(ops, worker_create) &&
            (decoder->worker = ops->worker_create(archive->format->self)) == NULL)
            status = hb_instance_error(archive->format, HB_STATUS_FATAL, NULL, error);
        else
            decoder->started = pthread_create(&decoder->thread, NULL, decoder_main, decoder) == 0;
        if (!decoder->started) /* a limit: as many as there are */
            break;
    }
    if (status == HB_OK && !decoders[0].started)
        decoder_main(&decoders[0]);
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
        hb_content_clear(&decoders[i].current.hash);
    }
    free(decoders);
    return extraction->status;
}

static uint8_t wanted_how(const struct hb_extract_request *request, size_t index)
{
    if (hb_catalog_unreadable(&request->archive->catalog, index) != NULL)
        return NOT_WANTED;
    if (request->archive->catalog.members[index].type == HB_TYPE_FILE &&
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

/* ---- walking ------------------------------------------------------------------------------- */

int hb_extract(const struct hb_extract_request *request, struct hb_error *error)
{
    return request->archive->listed ? extract_by_index(request, error)
                                    : hb_extract_by_walk(request, false, error);
}

int hb_extract_stream(const struct hb_extract_request *request, struct hb_error *error)
{
    return hb_extract_by_walk(request, true, error);
}
