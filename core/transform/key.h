/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One key of a transform (hbcore/transform.h): made to seal with, or opened to read with. What the
 * plugin says of its layout is checked here, so that everybody else can rely on it.
 */
#ifndef HB_TRANSFORM_KEY_H
#define HB_TRANSFORM_KEY_H

#include "transform/at_work.h"

struct hb_key {
    struct hb_transform *transform; /* NULL: there is none */
    struct hb_sealing sealing;
    bool shut; /* only its layout is known: what is configured does not open it */
};

/* A new one. HB_OK or HB_STATUS_FATAL. hb_key_end() where it is HB_OK. Any thread. */
int hb_key_begin(struct hb_transform *transform, struct hb_key *key, struct hb_error *error);
/* The same by the run's own transform; *error then names it. */
int hb_key_of_run(struct hb_run *run, const struct hb_chosen *choice, struct hb_key *key,
                  struct hb_error *error);
/*
 * That of a header. HB_OK, and hb_key_end(). HB_STATUS_NOMATCH: it is well formed, but nothing that
 * is configured opens it; key->shut. HB_STATUS_FATAL: it is damaged, or not known. *error is the
 * reason alone.
 */
int hb_key_open(struct hb_transform *transform, const struct hb_input *input, struct hb_key *key,
                struct hb_error *error);
void hb_key_end(struct hb_key *key);

/* One block; the room for the result is known by the layout. HB_OK or a failure, whose reason is
 * then this thread's (host/failure.h). Any thread. */
int hb_key_seal(const struct hb_key *key, uint64_t number, bool last, const void *plain,
                size_t bytes, void *sealed);
int hb_key_unseal(const struct hb_key *key, uint64_t number, bool last, const void *sealed,
                  size_t bytes, void *plain);

/* ---- lengths --------------------------------------------------------------------------------- */

/* Of a whole block, sealed. */
static inline size_t hb_key_block(const struct hb_key *key)
{
    return (size_t)key->sealing.plain_bytes + key->sealing.extra_bytes;
}

/* Of so much content: the blocks, one at least; and all of it sealed, the header included. */
uint64_t hb_key_blocks(const struct hb_key *key, uint64_t plain);
uint64_t hb_key_sealed(const struct hb_key *key, uint64_t plain);
/* The same back. False: nothing that is whole has this length. */
bool hb_key_plain(const struct hb_key *key, uint64_t sealed, uint64_t *plain);

#endif
