/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place that the user names is a path, or a URL: a scheme (a letter, then letters, digits, '+',
 * '-' and '.'; case does not count) and "://". A path that begins so can be written "./s3://…".
 */
#ifndef HB_URL_H
#define HB_URL_H

#include <stdbool.h>
#include <stddef.h>

/* The bytes of its scheme; 0: it is a path. */
size_t hb_url_scheme(const char *place);

bool hb_url_is_scheme(const char *text);

/* The same with its first `bytes` in lower case, as schemes are compared. Caller frees. */
char *hb_url_lower(const char *url, size_t bytes);

/*
 * Does it look like a URL, though what stands in front of "://" is no scheme ("my_box://x"), or
 * there is no "//" ("s3:bucket/x")? Nobody means a directory "my_box:" or "s3:bucket".
 */
bool hb_url_is_slip(const char *place);
#define HB_URL_SLIP                                                                                \
    "is no URL, which begins with a scheme (a letter, then letters, digits, '+', '-' and '.') "    \
    "and "                                                                                         \
    "://; if it is a path, write ./ in front of it"

/* What is named behind "SCHEME://". Only of a URL. */
const char *hb_url_name(const char *url);

/*
 * "file:/P", "file:///P" and "file://localhost/P" are the path "/P", with %XX decoded. Caller
 * frees. NULL: it is none of these, or no path ("%00").
 */
char *hb_url_file(const char *place);

#endif
