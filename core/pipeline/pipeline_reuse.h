/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units that are copied from the previous archive instead of being read and encoded.
 *
 * What it promises: the new archive is byte for byte what it would be without the previous one,
 * apart from the trailer. So reuse never decides what is stored, only where the bytes come from:
 * the plan and its cut into items do not know of the previous archive.
 *
 *     item: are all entries unchanged, and one unit there as well?      hb_reuse_item
 *       |      by fingerprint: path, metadata, and size, inode and times of the file, or what the
 *       |      content plugin says that the content is (archive/fingerprint.h)
 *       | yes: its units are copied, no file is opened                  hb_reuse_unit
 *       | no
 *       v
 *     opened and read; a long entry that was in the previous archive    hb_reuse_seek
 *       |
 *       v
 *     unit: does it have the hash of the unit there?                    hb_reuse_segment
 *         yes: its encoded form is copied; no: it is encoded
 *
 * What it must not do: copy what it cannot prove. A file whose times lie within the clock's step of
 * the moment when it was read may have changed without a trace, so it gets no fingerprint. Each
 * unit is checked against its checksum when it is copied. All units of a long entry are read before
 * the first is handed out: an entry that is half copied could not be read anew, for the file may
 * have changed by then. And nothing at all is taken from an archive that this installation has not
 * sealed (previous.h): who could write the index could choose what a file's bytes become.
 *
 * When units have to wait and memory is short, those that were copied are dropped and read again
 * from the previous archive (hb_reuse_again): it holds them anyway.
 */
#ifndef HB_PIPELINE_REUSE_H
#define HB_PIPELINE_REUSE_H

#include "pipeline/pipeline_finish.h"

/*
 * Are all entries of the item unchanged? Then it is finished here or, if it has several units or is
 * claimed, opened so that its units can be taken. False: the item is as it was before the call.
 */
bool hb_reuse_item(struct hb_pipeline_thread *thread, struct hb_item *item);

/* A unit of an item that hb_reuse_item opened. */
void hb_reuse_unit(struct hb_pipeline_thread *thread, struct hb_item *item, uint64_t index);

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
