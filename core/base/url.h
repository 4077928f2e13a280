/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place that the user names is a path, or a URL: a scheme of lower-case letters, digits and '-',
 * and "://". A path that begins so can be written "./s3://…".
 */
#ifndef HB_URL_H
#define HB_URL_H

#include <stdbool.h>
#include <stddef.h>

/* The bytes of its scheme; 0: it is a path. */
size_t hb_url_scheme(const char *place);

/* What is named behind "SCHEME://". Only of a URL. */
const char *hb_url_name(const char *url);

/*
 * "file:/P", "file:///P" and "file://localhost/P" are the path "/P", with %XX decoded. Caller
 * frees. NULL: it is none of these, or no path ("%00").
 */
char *hb_url_file(const char *place);

#endif
