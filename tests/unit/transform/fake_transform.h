/* SPDX-License-Identifier: Apache-2.0 */
/* A transform without a plugin: blocks that can be told apart, and that are sealed once each. */
#ifndef HB_FAKE_TRANSFORM_H
#define HB_FAKE_TRANSFORM_H

#include "base/memory.h"
#include "host/failure.h"
#include "scratch.h"
#include "transform/key.h"
#include <stdatomic.h>
#include <string.h>

enum { FAKE_PLAIN = 4096, FAKE_EXTRA = 16, FAKE_HEADER = 23, FAKE_MOST = 1 << 14 };

struct fake {
    struct hb_run run;
    struct hb_plugin plugin;
    struct hb_instance instance;
    struct hb_transform transform;
    struct hb_key key;
    atomic_uint sealed[FAKE_MOST]; /* how often, by number */
    _Atomic int64_t fails;         /* this number does not seal, or unseal; -1: all do */
    atomic_uint begun, ended, opened;
};

/* Key, number and flags in front of a sum of the content. */
static inline void fake_tag(uint64_t number, uint32_t flags, const unsigned char *plain,
                            size_t bytes, unsigned char tag[FAKE_EXTRA])
{
    uint64_t sum = bytes * 31 + flags;
    for (size_t i = 0; i < bytes; i++)
        sum = (sum ^ plain[i]) * UINT64_C(1099511628211);
    memcpy(tag, &number, 8);
    memcpy(tag + 8, &sum, 8);
}

static inline int fake_seal(void *self, void *key, uint64_t number, uint32_t flags,
                            const void *plain, size_t bytes, void *sealed)
{
    struct fake *fake = self;
    unsigned char *to = sealed;
    (void)key;
    if (fake->fails == (int64_t)number) {
        hb_run_explain(&fake->run, "block %u does not seal", (unsigned)number);
        return HB_STATUS_FATAL;
    }
    if (number < FAKE_MOST)
        fake->sealed[number]++;
    for (size_t i = 0; i < bytes; i++)
        to[i] = ((const unsigned char *)plain)[i] ^ (unsigned char)(number * 3 + i);
    fake_tag(number, flags, plain, bytes, to + bytes);
    return HB_OK;
}

static inline int fake_unseal(void *self, void *key, uint64_t number, uint32_t flags,
                              const void *sealed, size_t bytes, void *plain)
{
    struct fake *fake = self;
    const unsigned char *from = sealed;
    unsigned char *to = plain, tag[FAKE_EXTRA];
    (void)key;
    fake->opened++;
    for (size_t i = 0; i < bytes - FAKE_EXTRA; i++)
        to[i] = from[i] ^ (unsigned char)(number * 3 + i);
    fake_tag(number, flags, to, bytes - FAKE_EXTRA, tag);
    if (fake->fails != (int64_t)number && memcmp(tag, from + bytes - FAKE_EXTRA, FAKE_EXTRA) == 0)
        return HB_OK;
    hb_run_explain(&fake->run, "its sum is wrong");
    return HB_STATUS_FATAL;
}

static inline int fake_begin(void *self, struct hb_sealing *sealing)
{
    static const char header[FAKE_HEADER + 1] = "fake-header-of-23-bytes";
    struct fake *fake = self;
    fake->begun++;
    sealing->plain_bytes = FAKE_PLAIN;
    sealing->extra_bytes = FAKE_EXTRA;
    sealing->header_bytes = FAKE_HEADER;
    sealing->header = header;
    sealing->key = fake;
    return HB_OK;
}

static inline int fake_open(void *self, const struct hb_input *input, struct hb_sealing *sealing)
{
    (void)input;
    return fake_begin(self, sealing);
}

static inline void fake_end(void *self, void *key)
{
    (void)key;
    ((struct fake *)self)->ended++;
}

static inline struct fake *fake_new(void)
{
    static const struct hb_magic magics[] = {{0, 4, "fake"}, {0, 0, NULL}};
    static const struct hb_transform_ops ops = {.size = sizeof ops,
                                                .magics = magics,
                                                .seal_begin = fake_begin,
                                                .seal = fake_seal,
                                                .open = fake_open,
                                                .unseal = fake_unseal,
                                                .end = fake_end};
    struct hb_error error;
    struct fake *fake = hb_alloc(sizeof *fake);
    hb_run_init(&fake->run, NULL);
    fake->fails = -1;
    fake->plugin = (struct hb_plugin){.size = sizeof fake->plugin, .name = "fake"};
    fake->instance = (struct hb_instance){.run = &fake->run, .plugin = &fake->plugin, .self = fake};
    fake->transform =
        (struct hb_transform){.run = &fake->run, .instance = &fake->instance, .ops = &ops};
    pthread_mutex_init(&fake->transform.lock, NULL);
    assert_int_equal(hb_key_begin(&fake->transform, &fake->key, &error), HB_OK);
    return fake;
}

static inline void fake_free(struct fake *fake)
{
    hb_key_end(&fake->key);
    assert_int_equal(fake->begun, fake->ended);
    pthread_mutex_destroy(&fake->transform.lock);
    hb_run_clear(&fake->run);
    free(fake);
}

static inline unsigned char fake_byte(uint64_t offset)
{
    return (unsigned char)(offset * 7 + offset / 251);
}

#endif
