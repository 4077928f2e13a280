/* SPDX-License-Identifier: Apache-2.0 */
/* Names: which encoding they are in, and UTF-8 out of code page 437. */
#ifndef ZIP_NAME_H
#define ZIP_NAME_H

#include "zip_record.h"

enum zip_encoding { ZIP_NAME_ASCII, ZIP_NAME_UTF8, ZIP_NAME_BYTES };

enum zip_encoding zip_name_encoding(const char *name, size_t bytes);

/* Made where names cannot have a '\\' in them? Info-ZIP and PKWARE number NTFS differently. */
bool zip_is_windows(const struct zip_record *record);

/* The most that zip_name_text() writes, its terminating NUL included. */
enum { ZIP_NAME_TEXT_MAX = 3 * ZIP_NAME_MAX + 1 };

/* The name of a parsed record as a path, in the archive's own words; returns its length. */
size_t zip_name_text(const struct zip_record *record, char *text);

#endif
