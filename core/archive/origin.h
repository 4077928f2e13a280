/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an archive comes from: what of it differs by run or place. It is the last section of the
 * trailer (trailer.h), and it alone may differ between two archives of the same tree; an archive
 * that is to be reproducible (SOURCE_DATE_EPOCH) has none, and one of the release before has none
 * either. Nobody needs it to read an archive. Retention asks it whose the archive is.
 *
 * Layout: u8[32] seal, zeros where there is none; then a JSON object in UTF-8, filled up with
 * spaces so that a digit more or less moves nothing behind it:
 *   home (id, see files/home_id.h), host, path, preset, started and ended (nanoseconds since 1970),
 *   version, files, directories, bytes, sequence (the highest of that home in that directory, and
 *   one), stamp (the latest date and time that a name there was made of), shrunk (hb_shrunk; only
 *   where that is not 0)
 *
 * The seal is an HMAC-SHA256 of all before it and of that text, with a key that this installation
 * alone has (files/state_key.h). It is what the index for reuse is believed by: whoever can write
 * such an index could otherwise have other bytes copied into the next archive.
 */
#ifndef HB_ORIGIN_H
#define HB_ORIGIN_H

#include "files/home_id.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HB_SEAL_BYTES = 32, HB_STAMP_BYTES = 24 };

/*
 * Has it far less than the one before? What that means, and why it matters: backup/shrink.h. An
 * archive that does not say has not.
 */
enum hb_shrunk {
    HB_SHRUNK_NO,
    HB_SHRUNK_YES,
    HB_SHRUNK_UNTOLD /* those before it could not be read, so nobody could tell */
};

struct hb_origin {
    char home[HB_ID_BYTES]; /* hexadecimal; "": it does not say */
    char *host;
    char *path;   /* of the home; may be no UTF-8 */
    char *preset; /* or NULL */
    int64_t started, ended;
    uint64_t files, directories, bytes;
    uint64_t sequence;
    char stamp[HB_STAMP_BYTES];
    enum hb_shrunk shrunk;
};

/* The text of a section, without the seal; *bytes with the spaces. Caller frees. */
char *hb_origin_text(const struct hb_origin *origin, size_t *bytes);
/* The same back from a whole section, seal included. False: it is none. */
bool hb_origin_parse(const unsigned char *data, size_t bytes, struct hb_origin *origin);
/* What the member "shrunk" of an object says. */
enum hb_shrunk hb_shrunk_of(const json_t *object);
void hb_origin_clear(struct hb_origin *origin);

/* Of `before`, all of the trailer in front of the seal, and of the text. */
void hb_origin_seal(const unsigned char key[HB_SEAL_BYTES], const unsigned char *before,
                    size_t before_bytes, const void *text, size_t text_bytes,
                    unsigned char seal[HB_SEAL_BYTES]);

#endif
