/* SPDX-License-Identifier: Apache-2.0 */
#include "transform/key.h"

#include "host/failure.h"
#include <string.h>

/* What is wrong with the layout that a plugin gave; NULL: nothing. */
static const char *layout_problem(const struct hb_sealing *sealing)
{
    if (sealing->size < sizeof *sealing)
        return "the size of its hb_sealing";
    if (sealing->plain_bytes < HB_TRANSFORM_PLAIN_LEAST ||
        sealing->plain_bytes > HB_TRANSFORM_PLAIN_MOST)
        return "plain_bytes";
    if (sealing->extra_bytes < HB_TRANSFORM_EXTRA_LEAST ||
        sealing->extra_bytes > HB_TRANSFORM_EXTRA_MOST)
        return "extra_bytes";
    if (sealing->header_bytes == 0 || sealing->header_bytes > HB_TRANSFORM_HEADER_MOST)
        return "header_bytes";
    return NULL;
}

static bool begins_with_magic(const struct hb_transform *transform,
                              const struct hb_sealing *sealing)
{
    for (const struct hb_magic *magic = transform->ops->magics; magic->length > 0; magic++)
        if (magic->length <= sealing->header_bytes &&
            memcmp(sealing->header, magic->bytes, magic->length) == 0)
            return true;
    return false;
}

static int refuse(const struct hb_transform *transform, const char *callback, const char *what,
                  struct hb_error *error)
{
    return hb_error_set(error, HB_STATUS_FATAL, "%s: its %s() gave %s that cannot be",
                        transform->instance->plugin->name, callback, what);
}

static int fail(const struct hb_transform *transform, int status, struct hb_error *error)
{
    hb_error_set(error, status, "%s", hb_instance_reason(transform->instance));
    const char *hint = hb_failure_of(transform->run)->hint;
    if (*hint != '\0')
        hb_error_hint(error, "%s", hint);
    return status;
}

int hb_key_begin(struct hb_transform *transform, struct hb_key *key, struct hb_error *error)
{
    *key = (struct hb_key){.transform = transform, .sealing = {.size = sizeof key->sealing}};
    pthread_mutex_lock(&transform->lock);
    hb_run_clear_failure(transform->run);
    int status = transform->ops->seal_begin(transform->instance->self, &key->sealing);
    pthread_mutex_unlock(&transform->lock);
    if (status != HB_OK) {
        key->transform = NULL;
        return fail(transform, HB_STATUS_FATAL, error);
    }
    const char *problem = layout_problem(&key->sealing);
    if (problem == NULL &&
        (key->sealing.header == NULL || !begins_with_magic(transform, &key->sealing)))
        problem = "a header";
    if (problem == NULL)
        return HB_OK;
    hb_key_end(key);
    return refuse(transform, "seal_begin", problem, error);
}

int hb_key_of_run(struct hb_run *run, const struct hb_chosen *choice, struct hb_key *key,
                  struct hb_error *error)
{
    struct hb_transform *transform;
    int status = hb_transform_find(run, choice, &transform, error);
    if (status == HB_OK && (status = hb_key_begin(transform, key, error)) != HB_OK) {
        struct hb_error why = *error;
        hb_error_set(error, status, "the archive cannot be sealed by %s: %s",
                     hb_transform_name(transform), why.text);
        if (why.hint[0] != '\0')
            hb_error_hint(error, "%s", why.hint);
    }
    return status;
}

int hb_key_open(struct hb_transform *transform, const struct hb_input *input, struct hb_key *key,
                struct hb_error *error)
{
    *key = (struct hb_key){.transform = transform, .sealing = {.size = sizeof key->sealing}};
    pthread_mutex_lock(&transform->lock);
    hb_run_clear_failure(transform->run);
    int status = transform->ops->open(transform->instance->self, input, &key->sealing);
    pthread_mutex_unlock(&transform->lock);
    key->shut = status == HB_STATUS_NOMATCH;
    if (status != HB_OK) {
        const char *problem = key->shut ? layout_problem(&key->sealing) : NULL;
        if (problem != NULL)
            key->shut = false;
        else
            fail(transform, status, error);
        if (!key->shut)
            key->transform = NULL;
        return problem == NULL ? status : refuse(transform, "open", problem, error);
    }
    const char *problem = layout_problem(&key->sealing);
    if (problem == NULL)
        return HB_OK;
    hb_key_end(key);
    return refuse(transform, "open", problem, error);
}

void hb_key_end(struct hb_key *key)
{
    struct hb_transform *transform = key->transform;
    if (transform != NULL && !key->shut) {
        pthread_mutex_lock(&transform->lock);
        transform->ops->end(transform->instance->self, key->sealing.key);
        pthread_mutex_unlock(&transform->lock);
    }
    *key = (struct hb_key){.transform = NULL};
}

int hb_key_seal(const struct hb_key *key, uint64_t number, bool last, const void *plain,
                size_t bytes, void *sealed)
{
    const struct hb_transform *transform = key->transform;
    hb_run_clear_failure(transform->run);
    return transform->ops->seal(transform->instance->self, key->sealing.key, number,
                                last ? HB_BLOCK_LAST : 0, plain, bytes, sealed);
}

int hb_key_unseal(const struct hb_key *key, uint64_t number, bool last, const void *sealed,
                  size_t bytes, void *plain)
{
    const struct hb_transform *transform = key->transform;
    hb_run_clear_failure(transform->run);
    return transform->ops->unseal(transform->instance->self, key->sealing.key, number,
                                  last ? HB_BLOCK_LAST : 0, sealed, bytes, plain);
}

/* ---- lengths --------------------------------------------------------------------------------- */

uint64_t hb_key_blocks(const struct hb_key *key, uint64_t plain)
{
    uint64_t each = key->sealing.plain_bytes;
    return plain == 0 ? 1 : plain / each + (plain % each != 0);
}

uint64_t hb_key_sealed(const struct hb_key *key, uint64_t plain)
{
    return key->sealing.header_bytes + plain + hb_key_blocks(key, plain) * key->sealing.extra_bytes;
}

bool hb_key_plain(const struct hb_key *key, uint64_t sealed, uint64_t *plain)
{
    const struct hb_sealing *layout = &key->sealing;
    *plain = 0;
    if (sealed < layout->header_bytes || sealed > INT64_MAX)
        return false;
    uint64_t body = sealed - layout->header_bytes, block = hb_key_block(key);
    uint64_t whole = body / block, rest = body % block;
    *plain = whole * layout->plain_bytes;
    if (rest == 0)
        return whole > 0;
    /* A last block is empty where all of it is. */
    if (rest < layout->extra_bytes || (rest == layout->extra_bytes && whole > 0))
        return false;
    *plain += rest - layout->extra_bytes;
    return true;
}
