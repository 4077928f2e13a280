/* SPDX-License-Identifier: Apache-2.0 */
/* Text that grows. When there is no memory left it stays as it is and says so at the end, so that
 * who puts twenty pieces together asks once. */
#ifndef S3_TEXT_H
#define S3_TEXT_H

#include <hbcore/abi.h>
#include <stdbool.h>

struct text {
    char *data; /* NUL-terminated; NULL before the first piece */
    size_t bytes, room;
    bool failed;
};

void text_add(struct text *text, const void *data, size_t bytes);
void text_put(struct text *text, const char *words);
void text_format(struct text *text, const char *format, ...) HB_PRINTF(2, 3);
/* As RFC 3986 has it: all but unreserved characters as %XX; '/' as it is where `slash` says so. */
void text_uri(struct text *text, const char *words, bool slash);
/* As XML has it. */
void text_xml(struct text *text, const char *words);
/* What there is, "" at least. The text's. */
const char *text_of(const struct text *text);
void text_clear(struct text *text);
/* It may have been a secret. */
void text_wipe(struct text *text);

/* Two hexadecimal digits for each byte, in lower case, and a NUL. */
void hex_of(const unsigned char *bytes, size_t count, char *hex);
/* The bytes of "%41b+"; as URLs in lists are encoded. In place; false: it is not encoded so. */
bool uri_decode(char *words);

#define AUTO_TEXT __attribute__((cleanup(text_clear))) struct text

#endif
