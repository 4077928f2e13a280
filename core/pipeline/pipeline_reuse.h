/* SPDX-License-Identifier: Apache-2.0 */
/* Units that are taken over from the previous archive instead of being read and encoded. */
#ifndef HB_PIPELINE_REUSE_H
#define HB_PIPELINE_REUSE_H

#include "pipeline/pipeline_finish.h"

/*
 * Is the item, in all its entries, as it was? Then it is finished or, if it has several units or is
 * claimed, opened for them to be taken. False: it is as if nothing had been tried.
 */
bool hb_reuse_item(struct hb_pipeline_thread *thread, struct hb_item *item);

/* A unit of an item that hb_reuse_item opened. */
void hb_reuse_unit(struct hb_pipeline_thread *thread, struct hb_item *item, uint64_t index);

/*
 * Brings back the data of a unit that was taken over and then left where it was. HB_OK, HB_FATAL:
 * it is not what it was any more.
 */
int hb_reuse_again(const struct hb_pipeline *pipeline, const struct hb_item *item, uint64_t index,
                   struct hb_encoded *encoded, struct hb_error *error);

/* Looks for an entry of several units in the previous archive, of which it may share some. */
void hb_reuse_seek(const struct hb_pipeline *pipeline, struct hb_item *item);

/*
 * A part of such an entry whose hash is in encoded->mark: is it as it was? Then its encoded unit
 * is filled in.
 */
bool hb_reuse_segment(const struct hb_pipeline *pipeline, const struct hb_item *item,
                      uint64_t index, struct hb_encoded *encoded);

#endif
