/* SPDX-License-Identifier: Apache-2.0 */
#include "host/archive_name.h"

#include "host/format.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char pattern[] = "dddd-dd-dd-dddddd"; /* of HB_STAMP_FORMAT */
_Static_assert(sizeof pattern == HB_STAMP_LENGTH + 1, "the pattern is that of a stamp");

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* "Z-0123af", behind the stamp of a name in a store. */
static bool is_of_run(const char *text, size_t bytes)
{
    return bytes == 2 + HB_NAMED_OF_RUN && text[0] == 'Z' && text[1] == '-' &&
           strspn(text + 2, "0123456789abcdef") >= HB_NAMED_OF_RUN;
}

/* Other names with this prefix belong to the user, or to a preset with a longer name. */
bool hb_archive_name_parse(const char *name, const char *prefix, const char *const *suffixes,
                           struct hb_archive_name *parts)
{
    size_t before = strlen(prefix), stem = hb_format_stem(suffixes, name), i = 0;
    if (strncmp(name, prefix, before) != 0 || stem <= before)
        return false;
    const char *text = name + before;
    size_t bytes = stem - before;
    for (; pattern[i] != '\0'; i++)
        if (i >= bytes || (pattern[i] == 'd' ? digits(text + i) == 0 : text[i] != pattern[i]))
            return false;
    bool numbered =
        i < bytes && text[i] == '-' && bytes - i > 1 && digits(text + i + 1) == bytes - i - 1;
    if (i != bytes && !numbered && !is_of_run(text + i, bytes - i))
        return false;
    memcpy(parts->stamp, text, HB_STAMP_LENGTH);
    parts->stamp[HB_STAMP_LENGTH] = '\0';
    parts->number = numbered ? strtoul(text + i + 1, NULL, 10) : 0;
    return true;
}

int hb_archive_name_compare(const struct hb_archive_name *a, const struct hb_archive_name *b)
{
    int order = strcmp(a->stamp, b->stamp);
    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

size_t hb_facts_stem(const char *name)
{
    size_t bytes = strlen(name), suffix = sizeof HB_FACTS_SUFFIX - 1;
    return bytes > suffix && strcmp(name + bytes - suffix, HB_FACTS_SUFFIX) == 0 ? bytes - suffix
                                                                                 : 0;
}
