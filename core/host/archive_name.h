/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of archives that the user did not name: PREFIX, date and time, perhaps a number, and
 * the suffix of the format. Who makes such a name and who looks for one go by this rule.
 */
#ifndef HB_ARCHIVE_NAME_H
#define HB_ARCHIVE_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* For strftime(); local time, as people read it. */
#define HB_STAMP_FORMAT "%Y-%m-%d-%H%M%S"
enum { HB_STAMP_LENGTH = 17 };
/* In a store, UTC, "Z-", and so many hexadecimal digits of the run's id. */
enum { HB_NAMED_OF_RUN = 6 };

/* The parts of a name. */
struct hb_archive_name {
    char stamp[HB_STAMP_LENGTH + 1]; /* date and time */
    unsigned long number;            /* behind it; 0: none */
};

/* Is it one of these? `suffixes` in any case, ended by NULL. */
bool hb_archive_name_parse(const char *name, const char *prefix, const char *const *suffixes,
                           struct hb_archive_name *parts);

/*
 * Compares ages, as far as names tell: negative (the first is older), 0, positive. Of two names
 * with one second the one with a number is newer, and of two numbers the higher.
 */
int hb_archive_name_compare(const struct hb_archive_name *a, const struct hb_archive_name *b);

/*
 * The file of facts beside an archive NAME (archive/facts.h) is called NAME.facts. Is it such a
 * name? The bytes of the archive's name; else 0.
 */
#define HB_FACTS_SUFFIX ".facts"
size_t hb_facts_stem(const char *name);

#endif
