/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extra fields (APPNOTE 4.5). Ours has id 0x6268 and is read as follows:
 *
 *     u8   version, 1
 *     u8   flags: 1 seconds follow, 2 nanoseconds follow, 4 the name is bytes
 *     i64  seconds since 1970, where flag 1 is set
 *     u32  nanoseconds, where flag 2 is set; they belong to the seconds above or, without
 *          those, to the extended timestamp
 *
 * The last field of the last central header is the mark, id 0x7468: u8 1 if the archive has a
 * trailer, else 0, then 15 zero bytes. In older archives it is one byte long, and only there with a
 * trailer. Why it is that long stands at the start of zip_write.c.
 *
 * Ours is in the central directory where the standard fields cannot say it; flag 4 is in the
 * local header too, so that one damaged bit does not rename an entry.
 */
#ifndef ZIP_EXTRA_H
#define ZIP_EXTRA_H

#include "zip_record.h"

/* The fields after the zip64 one. Returns the place after what was written. */
unsigned char *zip_put_extra(unsigned char *to, const struct zip_record *record, bool central);

/* In the last central header: does a trailer of the host lie before the central directory? */
enum { ZIP_MARK_BYTES = 20 };
unsigned char *zip_put_mark(unsigned char to[ZIP_MARK_BYTES], bool trailer);

/*
 * Fills in what the extra fields of a parsed header say. The sizes, and in a central
 * header offset and disk, that are saturated come from the zip64 field.
 */
const char *zip_parse_extra(const unsigned char *extra, size_t bytes, struct zip_record *record,
                            bool central);

#endif
