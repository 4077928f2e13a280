/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a zip archive (PKWARE APPNOTE 6.3, section 4.3) as bytes. No
 * input or output here, no allocation.
 */
#ifndef ZIP_LAYOUT_H
#define ZIP_LAYOUT_H

#include "zip_record.h"

#define ZIP_LOCAL_SIGNATURE      0x04034b50u
#define ZIP_CENTRAL_SIGNATURE    0x02014b50u
#define ZIP_DESCRIPTOR_SIGNATURE 0x08074b50u
#define ZIP_END_SIGNATURE        0x06054b50u
#define ZIP_END64_SIGNATURE      0x06064b50u
#define ZIP_LOCATOR_SIGNATURE    0x07064b50u
#define ZIP_SIGNED_SIGNATURE     0x05054b50u /* of the directory (4.3.13) */
#define ZIP_SINGLE_SIGNATURE     0x30304b50u /* first, where it could have become several disks */

enum {
    ZIP_LOCAL_BYTES = 30, /* fixed parts */
    ZIP_CENTRAL_BYTES = 46,
    ZIP_END_BYTES = 22,
    ZIP_END64_BYTES = 56,
    ZIP_LOCATOR_BYTES = 20,
    ZIP_ROOM_BYTES = 20,
    ZIP_EXTRA_MAX = 128, /* of what we write */
    ZIP_CENTRAL_MAX = ZIP_CENTRAL_BYTES + 3 * 65535
};

/*
 * Writing. `to` has room for the fixed part, the name, its '/' and ZIP_EXTRA_MAX. Returns
 * the bytes written.
 */
size_t zip_put_local(unsigned char *to, const struct zip_record *record);
size_t zip_put_central(unsigned char *to, const struct zip_record *record);
/* The fixed part and the room, again, with what is known at the end of the entry. */
void zip_put_local_fixed(unsigned char to[ZIP_LOCAL_BYTES], const struct zip_record *record);
void zip_put_room(unsigned char to[ZIP_ROOM_BYTES], const struct zip_record *record);
/* 24 bytes at most. */
size_t zip_put_descriptor(unsigned char *to, const struct zip_record *record);
/* End of the central directory, with zip64 records where they are needed: 98 bytes at most. */
size_t zip_put_end(unsigned char *to, uint64_t entries, uint64_t start, uint64_t bytes);

/* Does the entry need 64-bit sizes in its local header? */
bool zip_is_large(const struct zip_record *record);

/*
 * Reading. Both need the whole record in memory (zip_central_bytes says how much), and leave
 * pointers into it. NULL, or what is wrong, as the end of a sentence that names the member.
 */
const char *zip_parse_central(const unsigned char *from, size_t bytes, struct zip_record *record);
const char *zip_parse_local(const unsigned char *from, size_t bytes, struct zip_record *record);

/* Length of the whole header whose fixed part is at `from`; 0: it is none. */
size_t zip_central_bytes(const unsigned char from[ZIP_CENTRAL_BYTES]);
size_t zip_local_bytes(const unsigned char from[ZIP_LOCAL_BYTES]);

#endif
