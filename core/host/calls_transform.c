/* SPDX-License-Identifier: Apache-2.0 */
/* Of a block, no call costs more than a few atomic operations: see call.h. */
#include "host/calls_transform.h"

#include "host/call.h"

#define REAL (&((struct hb_instance *)self)->own_ops.transform)
#define OWN  (((struct hb_instance *)self)->own_self)

/* Those that are counted. */
enum { SEAL, UNSEAL };

static int transform_seal_begin(void *self, struct hb_sealing *sealing)
{
    struct call call = enter(self, 0, "seal_begin", SELDOM);
    int made = REAL->seal_begin(OWN, sealing);
    int status = answer(&call, made, MAY_OK | MAY_FAIL, HB_STATUS_FATAL);
    if (made == HB_OK && status != HB_OK)
        REAL->end(OWN, sealing->key);
    return status;
}

static int transform_seal(void *self, void *key, uint64_t number, uint32_t flags, const void *plain,
                          size_t bytes, void *sealed)
{
    struct call call = enter(self, SEAL, "seal", PER_FILE);
    int status = REAL->seal(OWN, key, number, flags, plain, bytes, sealed);
    return answer(&call, status, MAY_OK | MAY_FAIL, HB_STATUS_FATAL);
}

static int transform_open(void *self, const struct hb_input *input, struct hb_sealing *sealing)
{
    struct call call = enter(self, 0, "open", SELDOM);
    int made = REAL->open(OWN, input, sealing);
    int status = answer(&call, made, MAY_OK | MAY_NOMATCH | MAY_PASS, HB_STATUS_FATAL);
    if (made == HB_OK && status != HB_OK)
        REAL->end(OWN, sealing->key);
    return status;
}

static int transform_unseal(void *self, void *key, uint64_t number, uint32_t flags,
                            const void *sealed, size_t bytes, void *plain)
{
    struct call call = enter(self, UNSEAL, "unseal", PER_FILE);
    int status = REAL->unseal(OWN, key, number, flags, sealed, bytes, plain);
    return answer(&call, status, MAY_OK | MAY_FAIL, HB_STATUS_FATAL);
}

static void transform_end(void *self, void *key)
{
    struct call call = enter(self, 0, "end", SELDOM);
    REAL->end(OWN, key);
    leave(&call);
}

const struct hb_transform_ops hb_transform_calls = {
    .seal_begin = transform_seal_begin,
    .seal = transform_seal,
    .open = transform_open,
    .unseal = transform_unseal,
    .end = transform_end,
};
