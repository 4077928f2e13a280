/* SPDX-License-Identifier: Apache-2.0 */
#include "host/calls_store.h"

#include "host/call.h"
#include "host/failure.h"
#include <inttypes.h>

#define REAL (&((struct hb_instance *)self)->own_ops.store)
#define OWN  (((struct hb_instance *)self)->own_self)

/* Those that are counted. */
enum { PUT_PART, PUT_COPY, PUT_PATCH, READ_AT, ADVISE };

static int store_limits(void *self, const char *name, struct hb_store_limits *limits)
{
    struct call call = enter(self, 0, "limits", SELDOM);
    return answer(&call, REAL->limits(OWN, name, limits), MAY_OK | MAY_FAIL, HB_STATUS_FATAL);
}

static int store_put_begin(void *self, const struct hb_put *put, void **upload)
{
    struct call call = enter(self, 0, "put_begin", SELDOM);
    return answer(&call, REAL->put_begin(OWN, put, upload), MAY_OK | MAY_FAIL, HB_STATUS_FATAL);
}

static int store_put_part(void *self, void *upload, uint64_t number, uint64_t offset,
                          const void *data, size_t bytes)
{
    struct call call = enter(self, PUT_PART, "put_part", PER_FILE);
    int status = REAL->put_part(OWN, upload, number, offset, data, bytes);
    return answer(&call, status, MAY_OK | MAY_FAIL, HB_STATUS_FATAL);
}

/* An answer that is none says nothing about whether it was done. */
static int store_put_commit(void *self, void *upload, const struct hb_put *put, uint64_t bytes)
{
    struct call call = enter(self, 0, "put_commit", SELDOM);
    int status = REAL->put_commit(OWN, upload, put, bytes);
    return answer(&call, status, MAY_OK | MAY_NOMATCH | MAY_UNCERTAIN | MAY_FAIL,
                  HB_STATUS_UNCERTAIN);
}

static void store_put_end(void *self, void *upload)
{
    struct call call = enter(self, 0, "put_end", SELDOM);
    REAL->put_end(OWN, upload);
    leave(&call);
}

static int store_put_copy(void *self, void *upload, uint64_t number, uint64_t offset,
                          const struct hb_object *from, uint64_t from_offset, uint64_t bytes)
{
    struct call call = enter(self, PUT_COPY, "put_copy", PER_FILE);
    int status = REAL->put_copy(OWN, upload, number, offset, from, from_offset, bytes);
    return answer(&call, status, MAY_OK | MAY_NOMATCH | MAY_FAIL, HB_STATUS_FATAL);
}

static int store_put_patch(void *self, void *upload, uint64_t offset, const void *data,
                           size_t bytes)
{
    struct call call = enter(self, PUT_PATCH, "put_patch", PER_FILE);
    return answer(&call, REAL->put_patch(OWN, upload, offset, data, bytes), MAY_OK | MAY_FAIL,
                  HB_STATUS_FATAL);
}

static int store_open(void *self, const char *name, const char *version, void **reader,
                      struct hb_object *object)
{
    struct call call = enter(self, 0, "open", SELDOM);
    int made = REAL->open(OWN, name, version, reader, object);
    int status = answer(&call, made, MAY_OK | MAY_NOMATCH | MAY_FAIL, HB_STATUS_FATAL);
    if (made == HB_OK && status != HB_OK)
        REAL->close(OWN, *reader);
    return status;
}

static int64_t store_read_at(void *self, void *reader, void *buffer, size_t bytes, uint64_t offset)
{
    struct hb_instance *instance = self;
    struct call call = enter(instance, READ_AT, "read_at", PER_FILE);
    int64_t got = REAL->read_at(OWN, reader, buffer, bytes, offset);
    if (!leave(&call))
        return HB_STATUS_FATAL;
    if (got >= 0 ? (uint64_t)got <= bytes : hb_call_is_answer(&call, got, MAY_FAIL))
        return got;
    hb_run_explain(instance->run,
                   "%s: its read_at() returned %" PRId64 " for %zu bytes, which is no answer",
                   instance->plugin->name, got, bytes);
    return HB_STATUS_FATAL;
}

static void store_close(void *self, void *reader)
{
    struct call call = enter(self, 0, "close", SELDOM);
    REAL->close(OWN, reader);
    leave(&call);
}

static void store_advise(void *self, void *reader, uint64_t offset, uint64_t bytes)
{
    struct call call = enter(self, ADVISE, "advise", PER_FILE);
    REAL->advise(OWN, reader, offset, bytes);
    leave(&call);
}

static int store_list(void *self, const char *prefix, const struct hb_object_lister *lister)
{
    struct call call = enter(self, 0, "list", SELDOM);
    return answer(&call, REAL->list(OWN, prefix, lister), MAY_OK | MAY_PASS, HB_STATUS_FATAL);
}

static int store_remove(void *self, const char *name, const char *version)
{
    struct call call = enter(self, 0, "remove", SELDOM);
    return answer(&call, REAL->remove(OWN, name, version), MAY_OK | MAY_NOMATCH | MAY_FAIL,
                  HB_STATUS_FATAL);
}

static int store_sweep(void *self, const char *prefix, const char *home, int64_t before,
                       uint64_t *swept)
{
    struct call call = enter(self, 0, "sweep", SELDOM);
    return answer(&call, REAL->sweep(OWN, prefix, home, before, swept), MAY_OK | MAY_FAIL,
                  HB_STATUS_FATAL);
}

const struct hb_store_ops hb_store_calls = {
    .limits = store_limits,
    .put_begin = store_put_begin,
    .put_part = store_put_part,
    .put_commit = store_put_commit,
    .put_end = store_put_end,
    .put_copy = store_put_copy,
    .put_patch = store_put_patch,
    .open = store_open,
    .read_at = store_read_at,
    .close = store_close,
    .advise = store_advise,
    .list = store_list,
    .remove = store_remove,
    .sweep = store_sweep,
};
