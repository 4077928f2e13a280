/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the data of an archive's members, and compares what comes with what the catalog says. Where
 * the data goes is the caller's business (extract_request.h).
 *
 * Two engines fill one writer (extract_output.h):
 *
 *   by index   extract.c       The format can list and decode. Members that are stored together are
 *                              a group; workers take one group after the other, large ones first.
 *   by walk    extract_walk.c  The format can only be read front to back, or the archive is a
 *                              stream: one thread. The catalog of a stream is filled on the way.
 *
 * What it promises: done() is called for a member when all of its bytes have come, no more than
 * those, and by the checksum in the trailer those that were stored; of a stream, whose trailer
 * comes last, hb_extract_stream does not end well otherwise. What it must not do is believe the
 * format plugin: a write beyond a member's size, or data that mixes two members, ends the
 * extraction, whatever the plugin answers. Other bytes than were stored cost that member
 * (`damaged`).
 */
#ifndef HB_EXTRACT_H
#define HB_EXTRACT_H

#include "archive/extract_request.h"

/* From a listed archive (hb_archive_list gave HB_OK). */
int hb_extract(const struct hb_extract_request *request, struct hb_error *error);

/*
 * From a stream that can be read once: the catalog is filled on the way; `wanted` sees members as
 * they come. The trailer is checked at the end.
 */
int hb_extract_stream(const struct hb_extract_request *request, struct hb_error *error);

#endif
