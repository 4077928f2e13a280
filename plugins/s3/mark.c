/* SPDX-License-Identifier: Apache-2.0 */
#include "mark.h"

#include "sigv4.h"
#include <string.h>

enum { HASH_DIGITS = 16 };

void mark_of(const char *key, const char *home, struct text *marked)
{
    char hash[SIGV4_HASH_BYTES];
    sigv4_hash(home, strlen(home), hash);
    text_format(marked, "%s" MARK "%.*s", key, HASH_DIGITS, hash);
}

size_t mark_of_what(const char *key)
{
    size_t bytes = strlen(key), mark = sizeof MARK - 1 + HASH_DIGITS;
    if (bytes <= mark || strncmp(key + bytes - mark, MARK, sizeof MARK - 1) != 0 ||
        strspn(key + bytes - HASH_DIGITS, "0123456789abcdef") != HASH_DIGITS)
        return 0;
    return bytes - mark;
}
