/* SPDX-License-Identifier: Apache-2.0 */
#include "store/upload.h"

#include "base/memory.h"
#include "host/failure.h"
#include <string.h>

enum { WANTED_BYTES = 8 << 20, MOST_BYTES = 1 << 30 };

/* The host's values are those of a store that takes anything. */
static bool takes_anything(const struct hb_store_limits *limits)
{
    return limits->part_least <= 1 && limits->part_most == UINT64_MAX &&
           limits->parts_most == UINT64_MAX && (limits->flags & HB_STORE_EQUAL) == 0;
}

/* So large that there are not too many, and otherwise as is good for the line. */
static uint64_t part_bytes(const struct hb_store_limits *limits, uint64_t bytes_most)
{
    uint64_t bytes = WANTED_BYTES;
    uint64_t needed = bytes_most == HB_SIZE_UNKNOWN || limits->parts_most == UINT64_MAX
                          ? 0
                          : bytes_most / limits->parts_most + 1;
    if (bytes < needed)
        bytes = needed;
    if (bytes < limits->part_least)
        bytes = limits->part_least;
    return bytes < limits->part_most ? bytes : limits->part_most;
}

/* What the plugin says of itself, against the table that it has. NULL: it fits. */
static const char *contradiction(const struct hb_store_ops *ops,
                                 const struct hb_store_limits *limits)
{
    enum {
        KNOWN = HB_STORE_EQUAL | HB_STORE_COPY | HB_STORE_COPY_PINNED | HB_STORE_EXCLUSIVE |
                HB_STORE_LATE_NAME | HB_STORE_PATCH
    };
    uint32_t flags = limits->flags;
    if ((flags & ~(uint32_t)KNOWN) != 0)
        return "its limits() gave flags that are unknown";
    if ((flags & HB_STORE_COPY) != 0 && !HB_CAN(ops, put_copy))
        return "its limits() gave HB_STORE_COPY, and it has no put_copy()";
    if ((flags & HB_STORE_COPY_PINNED) != 0 && (flags & HB_STORE_COPY) == 0)
        return "its limits() gave HB_STORE_COPY_PINNED without HB_STORE_COPY";
    if ((flags & HB_STORE_PATCH) != 0 && !HB_CAN(ops, put_patch))
        return "its limits() gave HB_STORE_PATCH, and it has no put_patch()";
    if (limits->parallel == 0 || limits->name_most == 0 || limits->bytes_most == 0)
        return "its limits() take nothing at all: parallel, name_most and bytes_most are at least "
               "1";
    if (limits->part_most == 0 || limits->parts_most == 0 ||
        limits->part_least > limits->part_most || limits->part_least > MOST_BYTES)
        return "its limits contradict each other";
    return NULL;
}

static int check_limits(const struct hb_store *store, const struct hb_put *put,
                        const struct hb_store_limits *limits)
{
    const char *wrong = contradiction(store->ops, limits);
    if (wrong != NULL)
        hb_run_explain(store->run, "%s", wrong);
    else if (strlen(put->name) > limits->name_most)
        hb_run_explain(store->run, "the name is longer than %u bytes", limits->name_most);
    else
        return HB_OK;
    return HB_STATUS_FATAL;
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
    hb_run_clear_failure(store->run);
    int status = store->ops->limits(store->self, put->name, &upload->limits);
    if (status == HB_OK)
        status = check_limits(store, put, &upload->limits);
    if (status == HB_OK && !takes_anything(&upload->limits)) {
        upload->part_bytes = (size_t)part_bytes(&upload->limits, put->bytes_most);
        if (upload->part_bytes > MOST_BYTES)
            upload->part_bytes = MOST_BYTES;
        upload->part = hb_alloc(upload->part_bytes);
    }
    if (status == HB_OK)
        status = store->ops->put_begin(store->self, put, &upload->upload);
    if (status != HB_OK)
        return HB_STATUS_FATAL;
    upload->store = store;
    return HB_OK;
}

static int send(struct hb_upload *upload, const void *data, size_t bytes)
{
    const struct hb_store *store = upload->store;
    if (upload->number == upload->limits.parts_most ||
        bytes > upload->limits.bytes_most - upload->offset) {
        hb_run_explain(store->run, "it is larger than the store takes");
        return HB_STATUS_FATAL;
    }
    hb_run_clear_failure(store->run);
    int status = store->ops->put_part(store->self, upload->upload, upload->number, upload->offset,
                                      data, bytes);
    upload->number++;
    upload->offset += bytes;
    return status == HB_OK ? HB_OK : HB_STATUS_FATAL;
}

int hb_upload_write(struct hb_upload *upload, const void *data, size_t bytes)
{
    const unsigned char *from = data;
    if (upload->part_bytes == 0)
        return bytes == 0 ? HB_OK : send(upload, data, bytes);
    while (bytes > 0) {
        size_t room = upload->part_bytes - upload->used, take = bytes < room ? bytes : room;
        memcpy(upload->part + upload->used, from, take);
        upload->used += take;
        from += take;
        bytes -= take;
        if (upload->used < upload->part_bytes)
            break;
        int status = send(upload, upload->part, upload->used);
        upload->used = 0;
        if (status != HB_OK)
            return status;
    }
    return HB_OK;
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
    hb_run_clear_failure(store->run);
    int status = store->ops->put_patch(store->self, upload->upload, offset, data, sent);
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
    int status = store->ops->open(store->self, put->name, NULL, &reader, &object);
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
    int status = HB_OK;
    if (upload->used > 0)
        status = send(upload, upload->part, upload->used);
    upload->used = 0;
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
    if (upload->store != NULL)
        upload->store->ops->put_end(upload->store->self, upload->upload);
    free(upload->part);
    *upload = (struct hb_upload){.store = NULL};
}

int hb_upload_all(const struct hb_store *store, const struct hb_put *put, const void *data,
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
