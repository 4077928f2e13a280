/* SPDX-License-Identifier: Apache-2.0 */
#include "store/upload.h"

#include "base/memory.h"
#include "host/failure.h"
#include "host/instance.h"
#include "store/senders.h"
#include <inttypes.h>
#include <string.h>

enum {
    WANTED_BYTES = 8 << 20,
    AT_ONCE = 5, /* parts, so that the line is always busy */
    MOST_BYTES = 1 << 30,
    WORTH_COPYING = 1 << 20 /* below that, a part of its own costs more than its bytes */
};

/* The host's values are those of a store that takes anything. */
static bool takes_anything(const struct hb_store_limits *limits)
{
    return limits->part_least <= 1 && limits->part_most == UINT64_MAX &&
           limits->parts_most == UINT64_MAX && (limits->flags & HB_STORE_EQUAL) == 0;
}

/* So large that there are not too many, and otherwise as is good for the line. */
static uint64_t part_bytes(const struct hb_store *store, const struct hb_store_limits *limits,
                           uint64_t bytes_most)
{
    uint64_t bytes = WANTED_BYTES, most = hb_senders_most(store) / AT_ONCE;
    if (limits->parallel > 1 && bytes > most)
        bytes = most;
    uint64_t needed = bytes_most == HB_SIZE_UNKNOWN || limits->parts_most == UINT64_MAX
                          ? 0
                          : bytes_most / limits->parts_most + 1;
    if (bytes < needed)
        bytes = needed;
    if (bytes < limits->part_least)
        bytes = limits->part_least;
    return bytes < limits->part_most ? bytes : limits->part_most;
}

/* What the plugin says of itself, against the table that it has. NULL: it fits. Caller frees. */
static char *contradiction(const struct hb_store_ops *ops, const struct hb_store_limits *limits)
{
    enum {
        KNOWN = HB_STORE_EQUAL | HB_STORE_COPY | HB_STORE_COPY_PINNED | HB_STORE_EXCLUSIVE |
                HB_STORE_LATE_NAME | HB_STORE_PATCH
    };
    uint32_t flags = limits->flags;
    if ((flags & ~(uint32_t)KNOWN) != 0)
        return hb_text("gave unknown flags (%#x)", flags & ~(uint32_t)KNOWN);
    if ((flags & HB_STORE_COPY) != 0 && !HB_CAN(ops, put_copy))
        return hb_text("gave HB_STORE_COPY, and it has no put_copy()");
    if ((flags & HB_STORE_COPY_PINNED) != 0 && (flags & HB_STORE_COPY) == 0)
        return hb_text("gave HB_STORE_COPY_PINNED without HB_STORE_COPY");
    if ((flags & HB_STORE_PATCH) != 0 && !HB_CAN(ops, put_patch))
        return hb_text("gave HB_STORE_PATCH, and it has no put_patch()");
    if (limits->parallel == 0 || limits->name_most == 0 || limits->bytes_most == 0 ||
        limits->part_most == 0 || limits->parts_most == 0)
        return hb_text("gave 0 for %s, which is at least 1",
                       limits->parallel == 0     ? "parallel"
                       : limits->name_most == 0  ? "name_most"
                       : limits->bytes_most == 0 ? "bytes_most"
                       : limits->part_most == 0  ? "part_most"
                                                 : "parts_most");
    if (limits->part_least > limits->part_most)
        return hb_text("gave %" PRIu64 " for part_least, which is more than part_most, %" PRIu64,
                       limits->part_least, limits->part_most);
    if (limits->part_least > MOST_BYTES)
        return hb_text("gave %" PRIu64 " for part_least, which is at most %d", limits->part_least,
                       MOST_BYTES);
    return NULL;
}

static int check_limits(const struct hb_store *store, const struct hb_put *put,
                        const struct hb_store_limits *limits)
{
    HB_AUTO_FREE char *wrong = contradiction(store->ops, limits);
    if (wrong != NULL)
        hb_run_explain(store->run, "plugin %s: its limits() %s",
                       store->instance == NULL ? "the store" : store->instance->plugin->name,
                       wrong);
    else if (strlen(put->name) > limits->name_most)
        hb_run_explain(store->run, "the name is longer than %u bytes", limits->name_most);
    else
        return HB_OK;
    return HB_STATUS_FATAL;
}

static int ask_limits(const struct hb_store *store, const char *name,
                      struct hb_store_limits *limits)
{
    struct hb_retry retry = hb_store_retry(store);
    const struct hb_store_limits assumed = *limits;
    int status;
    do {
        *limits = assumed;
        hb_run_clear_failure(store->run);
        status = store->ops->limits(store->self, name, limits);
    } while (status != HB_OK && hb_retry_again(&retry));
    return status;
}

/* Of one that failed nothing was begun, or sweep() finds it. */
static int begin(const struct hb_store *store, const struct hb_put *put, void **upload)
{
    struct hb_retry retry = hb_store_retry(store);
    int status;
    do {
        hb_run_clear_failure(store->run);
        status = store->ops->put_begin(store->self, put, upload);
    } while (status != HB_OK && hb_retry_again(&retry));
    return status;
}

/* For what is small one buffer is enough. */
static void prepare_buffers(struct hb_upload *upload, uint64_t bytes_most)
{
    if (upload->part_bytes > 0 && upload->limits.parallel > 1 && bytes_most > upload->part_bytes)
        upload->senders = hb_senders_start(upload->store, upload->upload, upload->limits.parallel,
                                           upload->part_bytes);
    if (upload->part_bytes > 0 && upload->senders == NULL)
        upload->part = upload->own = hb_alloc(upload->part_bytes);
}

int hb_upload_begin(const struct hb_store *store, const struct hb_put *put,
                    struct hb_upload *upload)
{
    *upload = (struct hb_upload){.limits = {.size = sizeof upload->limits,
                                            .part_most = UINT64_MAX,
                                            .parts_most = UINT64_MAX,
                                            .bytes_most = UINT64_MAX,
                                            .parallel = 1,
                                            .name_most = UINT32_MAX}};
    int status = ask_limits(store, put->name, &upload->limits);
    if (status == HB_OK)
        status = check_limits(store, put, &upload->limits);
    if (status == HB_OK && !takes_anything(&upload->limits)) {
        upload->part_bytes = (size_t)part_bytes(store, &upload->limits, put->bytes_most);
        if (upload->part_bytes > MOST_BYTES)
            upload->part_bytes = MOST_BYTES;
    }
    if (status == HB_OK)
        status = begin(store, put, &upload->upload);
    if (status != HB_OK)
        return HB_STATUS_FATAL;
    upload->store = store;
    prepare_buffers(upload, put->bytes_most);
    return HB_OK;
}

/* Is there room for another part of that length? */
static int check_room(const struct hb_upload *upload, uint64_t bytes)
{
    if (upload->number < upload->limits.parts_most &&
        bytes <= upload->limits.bytes_most - upload->offset)
        return HB_OK;
    hb_run_explain(upload->store->run, "it is larger than the store takes");
    return HB_STATUS_FATAL;
}

static int send(struct hb_upload *upload, const void *data, size_t bytes)
{
    int status = check_room(upload, bytes);
    if (status == HB_OK)
        status = hb_send_part(upload->store, upload->upload, upload->number, upload->offset, data,
                              bytes);
    upload->number++;
    upload->offset += bytes;
    return status;
}

/* What is in the buffer is a part. */
static int send_buffer(struct hb_upload *upload)
{
    size_t bytes = upload->used;
    upload->used = 0;
    if (upload->senders == NULL || bytes == 0)
        return bytes == 0 ? HB_OK : send(upload, upload->part, bytes);
    int status = check_room(upload, bytes);
    if (status != HB_OK)
        return status;
    hb_senders_give(upload->senders, upload->number++, upload->offset, bytes);
    upload->offset += bytes;
    upload->part = NULL;
    return HB_OK;
}

static int find_buffer(struct hb_upload *upload)
{
    if (upload->senders != NULL && upload->part == NULL)
        upload->part = hb_senders_buffer(upload->senders);
    return upload->part == NULL ? HB_STATUS_FATAL : HB_OK;
}

int hb_upload_write(struct hb_upload *upload, const void *data, size_t bytes)
{
    const unsigned char *from = data;
    if (upload->part_bytes == 0)
        return bytes == 0 ? HB_OK : send(upload, data, bytes);
    while (bytes > 0) {
        int status = find_buffer(upload);
        if (status != HB_OK)
            return status;
        size_t room = upload->part_bytes - upload->used, take = bytes < room ? bytes : room;
        memcpy(upload->part + upload->used, from, take);
        upload->used += take;
        from += take;
        bytes -= take;
        if (upload->used == upload->part_bytes)
            status = send_buffer(upload);
        if (status != HB_OK)
            return status;
    }
    return HB_OK;
}

/* All parts that were sent are there. */
static int wait_for_parts(struct hb_upload *upload)
{
    return upload->senders == NULL ? HB_OK : hb_senders_wait(upload->senders);
}

/* How much of a range may be the next part, if the buffer is one, too; 0: less than is worth it. */
static uint64_t bytes_to_copy(const struct hb_upload *upload, uint64_t bytes)
{
    const struct hb_store_limits *limits = &upload->limits;
    uint64_t least = limits->part_least < WORTH_COPYING ? WORTH_COPYING : limits->part_least;
    if (limits->flags & HB_STORE_EQUAL)
        return upload->used == 0 && bytes >= upload->part_bytes ? upload->part_bytes : 0;
    if (bytes < least || (upload->used > 0 && upload->used < limits->part_least) ||
        upload->number >= limits->parts_most / 2) /* the rest is for what is sent */
        return 0;
    return bytes < limits->part_most ? bytes : limits->part_most;
}

int hb_upload_copy(struct hb_upload *upload, const struct hb_opened *from, uint64_t offset,
                   uint64_t bytes, uint64_t *copied)
{
    const struct hb_store *store = upload->store;
    *copied = 0;
    if ((upload->limits.flags & (HB_STORE_COPY | HB_STORE_COPY_PINNED)) !=
            (HB_STORE_COPY | HB_STORE_COPY_PINNED) ||
        upload->copies_not || from->store != store || !HB_CAN(store->ops, put_copy))
        return HB_OK;
    uint64_t part = bytes_to_copy(upload, bytes);
    if (part == 0)
        return HB_OK;
    int status = send_buffer(upload);
    if (status == HB_OK)
        status = wait_for_parts(upload); /* one call at a time from here */
    if (status == HB_OK)
        status = check_room(upload, part);
    if (status != HB_OK)
        return status;
    struct hb_retry retry = hb_store_retry(store);
    do {
        hb_run_clear_failure(store->run);
        status = store->ops->put_copy(store->self, upload->upload, upload->number, upload->offset,
                                      &from->object, offset, part);
    } while (status != HB_OK && status != HB_STATUS_NOMATCH && hb_retry_again(&retry));
    if (status != HB_OK) { /* then the bytes are sent, as this part; of others it may be denied */
        upload->copies_not |= status != HB_STATUS_NOMATCH;
        return HB_OK;
    }
    upload->number++;
    upload->offset += part;
    *copied = part;
    return HB_OK;
}

uint64_t hb_upload_memory(const struct hb_upload *upload)
{
    return upload->senders != NULL ? hb_senders_memory(upload->senders) : upload->part_bytes;
}

uint64_t hb_upload_room(const struct hb_upload *upload)
{
    return upload->part_bytes == 0 ? UINT64_MAX : upload->part_bytes - upload->used;
}

void hb_upload_wrote(struct hb_upload *upload, uint64_t bytes)
{
    upload->number++;
    upload->offset += bytes;
}

int hb_upload_patch(struct hb_upload *upload, uint64_t offset, const void *data, size_t bytes)
{
    const struct hb_store *store = upload->store;
    const unsigned char *from = data;
    size_t sent = offset >= upload->offset          ? 0
                  : bytes < upload->offset - offset ? bytes
                                                    : (size_t)(upload->offset - offset);
    if (sent < bytes)
        memcpy(upload->part + (offset + sent - upload->offset), from + sent, bytes - sent);
    if (sent == 0)
        return HB_OK;
    int status = wait_for_parts(upload);
    if (status != HB_OK)
        return status;
    hb_run_clear_failure(store->run);
    status = store->ops->put_patch(store->self, upload->upload, offset, data, sent);
    return status == HB_OK ? HB_OK : HB_STATUS_FATAL;
}

/* The answer was lost: what has the name now? Only who made it tells, for others may write there.
 */
static int look(const struct hb_upload *upload, const struct hb_put *put)
{
    const struct hb_store *store = upload->store;
    struct hb_object object = {.size = sizeof object};
    void *reader = NULL;
    HB_AUTO_FREE char *why = hb_copy_text(hb_store_failure(store));
    struct hb_retry retry = hb_store_retry(store);
    int status;
    do {
        hb_run_clear_failure(store->run);
        status = store->ops->open(store->self, put->name, NULL, &reader, &object);
    } while (status != HB_OK && status != HB_STATUS_NOMATCH && hb_retry_again(&retry));
    bool ours = status == HB_OK && object.run != NULL && strcmp(object.run, put->run) == 0 &&
                object.bytes == upload->offset;
    if (status == HB_OK)
        store->ops->close(store->self, reader);
    hb_run_explain(store->run, "%s", why);
    return ours ? HB_OK : HB_STATUS_UNCERTAIN;
}

int hb_upload_commit(struct hb_upload *upload, const struct hb_put *put)
{
    const struct hb_store *store = upload->store;
    int status = send_buffer(upload);
    if (status == HB_OK)
        status = wait_for_parts(upload);
    if (status != HB_OK)
        return status;
    hb_run_clear_failure(store->run);
    status = store->ops->put_commit(store->self, upload->upload, put, upload->offset);
    if (status == HB_STATUS_UNCERTAIN && store->instance != NULL)
        status = look(upload, put);
    return status == HB_OK || status == HB_STATUS_NOMATCH || status == HB_STATUS_UNCERTAIN
               ? status
               : HB_STATUS_FATAL;
}

void hb_upload_end(struct hb_upload *upload)
{
    hb_senders_free(upload->senders);
    if (upload->store != NULL)
        upload->store->ops->put_end(upload->store->self, upload->upload);
    free(upload->own);
    *upload = (struct hb_upload){.store = NULL};
}

static int put_all(const struct hb_store *store, const struct hb_put *put, const void *data,
                   size_t bytes)
{
    struct hb_upload upload;
    int status = hb_upload_begin(store, put, &upload);
    if (status == HB_OK)
        status = hb_upload_write(&upload, data, bytes);
    if (status == HB_OK)
        status = hb_upload_commit(&upload, put);
    hb_upload_end(&upload);
    return status;
}

/* All of it is at hand, so that a commit that failed is worth another upload. */
int hb_upload_all(const struct hb_store *store, const struct hb_put *put, const void *data,
                  size_t bytes)
{
    struct hb_retry retry = hb_store_retry(store);
    int status;
    do
        status = put_all(store, put, data, bytes);
    while (status == HB_STATUS_FATAL && hb_retry_again(&retry));
    return status;
}
