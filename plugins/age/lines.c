/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include <string.h>

bool lines_next(struct lines *lines, const char **text, size_t *bytes)
{
    while (lines->at < lines->end) {
        const char *from = lines->at;
        const char *newline = memchr(from, '\n', (size_t)(lines->end - from));
        const char *end = newline == NULL ? lines->end : newline;
        lines->at = newline == NULL ? lines->end : newline + 1;
        lines->number++;
        if (end > from && end[-1] == '\r')
            end--;
        if (end > from && *from != '#') {
            *text = from;
            *bytes = (size_t)(end - from);
            return true;
        }
    }
    return false;
}
