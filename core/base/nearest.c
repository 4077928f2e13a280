/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean …?": the nearest of a set of names. */
#include "base/nearest.h"

#include <string.h>

enum { LONGEST = 63 }; /* names that people mistype are shorter */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * Insertions, deletions, replacements and swaps of neighbours that turn one word into the other
 * (optimal string alignment); the case of letters does not count.
 */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    memset(rows, 0, sizeof rows);
    for (size_t j = 0; j <= b_length; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            char x = lower(a[i - 1]), y = lower(b[j - 1]);
            size_t cost = last[j - 1] + (x != y);
            cost = least(cost, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]))
                cost = least(cost, before[j - 2] + 1);
            row[j] = cost;
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_length];
}

const char *hb_nearest(const char *word, const char *(*next)(const void *context, size_t index),
                       const void *context)
{
    size_t length = strlen(word);
    if (length == 0 || length > LONGEST)
        return NULL;
    /* A third of the word may be wrong; more, and the answer would only puzzle. */
    size_t nearest = (length + 2) / 3 + 1;
    const char *best = NULL;
    for (size_t i = 0;; i++) {
        const char *candidate = next(context, i);
        if (candidate == NULL)
            return best;
        size_t bytes = strlen(candidate);
        if (bytes == 0 || bytes > LONGEST)
            continue;
        size_t steps = distance(word, length, candidate, bytes);
        if (steps < nearest && steps < bytes) {
            nearest = steps;
            best = candidate;
        }
    }
}
