/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is taken from the previous archive instead of being read and encoded.
 *
 * What it promises: the new archive is byte for byte what it would be without the previous one,
 * apart from the trailer. So reuse never decides what is stored, only where the bytes come from:
 * the plan and its cut into items do not know of the previous archive.
 *
 *     item: are all entries unchanged, and one unit there as well?      hb_reuse_item
 *       |      by fingerprint: path, metadata, and size, inode and times of the file, or what the
 *       |      content plugin says that the content is (archive/fingerprint.h)
 *       | yes: is it there, byte for byte, as it was stored?            hb_previous_prove
 *       |        yes: no file is opened, and nothing is kept but the place; what lies together
 *       |             is copied together                                pipeline_gather.h
 *       | no
 *       v
 *     opened and read; a long entry that was in the previous archive    hb_reuse_seek
 *       |
 *       v
 *     unit: does it have the hash of the unit there?                    hb_reuse_segment
 *         yes: its encoded form is copied; no: it is encoded
 *
 * What it must not do: copy what it cannot prove. A file whose times lie within the clock's step of
 * the moment when it was read may have changed without a trace, so it gets no fingerprint. All
 * bytes of an item are read before it is taken over, and compared: the units with their checksums
 * in the sealed index, what lies around them with what the format writes there. At the end the
 * previous archive must still be the file that it was. And nothing at all is taken from an archive
 * that this installation has not sealed (previous.h): who could write the index could choose what a
 * file's bytes become.
 *
 * When units have to wait and memory is short, those that were copied are dropped and read again
 * from the previous archive (hb_reuse_again): it holds them anyway.
 */
#ifndef HB_PIPELINE_REUSE_H
#define HB_PIPELINE_REUSE_H

#include "pipeline/pipeline_finish.h"

/*
 * Are all entries of the item unchanged, and there? Then it is finished here. False: the item is as
 * it was before the call.
 */
bool hb_reuse_item(struct hb_pipeline_thread *thread, struct hb_item *item);

/* The units of an item that was finished so, and what is known of them; returns how many. */
size_t hb_reuse_units_of(const struct hb_pipeline *pipeline, const struct hb_item *item,
                         struct hb_unit *units, struct hb_unit_mark *marks);

/*
 * Brings back the data of a unit that was taken over and then left where it was. HB_OK,
 * HB_STATUS_FATAL: it is not what it was any more.
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
