/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An INI text as it was written: sections, keys and values with their line numbers. Knows no
 * option.
 *
 *     # comment: the first character of a line that is not a blank is '#' or ';'
 *     [section]
 *     key = value          (or key: value)
 *         continued        an indented line goes on with the value above, joined by one blank
 *
 * libinih does the parsing, line by line through a reader of ours that refuses what libinih
 * would cut, misplace or drop: lines that are too long (comments too), malformed headers, keys
 * outside a section, lines without '=' or ':', NUL and control bytes, a blank before ';' (where
 * libinih ends the value), repeated sections and keys. A whole line "[...]" that is indented
 * is refused as well, since it may be meant as a header or as a value. UTF-8 with BOM and CRLF
 * are fine.
 */
#ifndef HB_INI_TEXT_H
#define HB_INI_TEXT_H

#include "base/error.h"

/* Bytes that a line may have without its end; libinih's INI_MAX_LINE less the NUL. */
enum { HB_INI_LONGEST_LINE = 199 };

struct hb_ini_line {
    char *text;
    unsigned line;
};

struct hb_ini_entry {
    char *key;
    char *value;              /* all lines of it, joined */
    unsigned line;            /* of the key; 0: it did not stand in a file */
    struct hb_ini_line *more; /* the indented lines */
    size_t more_count;
};

struct hb_ini_section {
    char *name;
    unsigned line;
    struct hb_ini_entry *entries;
    size_t count;
};

struct hb_ini {
    struct hb_ini_section *sections; /* in the order of the file */
    size_t count;
};

/* One thing that is wrong; `error` does not name the line. */
typedef void (*hb_ini_report)(void *context, unsigned line, const struct hb_error *error);

/*
 * Parses `bytes` of `data` (not NUL-terminated). Always sets *ini to what could be read, so that
 * the rest can be checked as well. HB_OK, or HB_STATUS_FATAL after at least one report.
 */
int hb_ini_parse(const char *data, size_t bytes, hb_ini_report report, void *context,
                 struct hb_ini **ini);
void hb_ini_free(struct hb_ini *ini);

struct hb_ini_section *hb_ini_section(const struct hb_ini *ini, const char *name); /* or NULL */
struct hb_ini_entry *hb_ini_entry(const struct hb_ini_section *section, const char *key);

/* Adds what does not stand in a file, or replaces what does. */
void hb_ini_set(struct hb_ini *ini, const char *section, const char *key, const char *value);

#endif
