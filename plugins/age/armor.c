/* SPDX-License-Identifier: Apache-2.0 */
#include "armor.h"

#include "base64.h"
#include <string.h>

#define ARMOR_END "-----END AGE ENCRYPTED FILE-----"

enum { COLUMNS = 64 };

static bool is_blank(char character)
{
    return character == ' ' || (character >= '\t' && character <= '\r');
}

/* What is between the blanks around it. */
static void trim(const char **from, const char **end)
{
    while (*from < *end && is_blank(**from))
        ++*from;
    while (*from < *end && is_blank((*end)[-1]))
        --*end;
}

/* The next line, which ends with a newline, a carriage return and one, or the text. */
static void next_line(const char **at, const char *end, const char **line, size_t *bytes)
{
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    *line = *at;
    *bytes = (size_t)((newline == NULL ? end : newline) - *at);
    *at = newline == NULL ? end : newline + 1;
    if (newline != NULL && *bytes > 0 && (*line)[*bytes - 1] == '\r')
        --*bytes;
}

static bool is(const char *line, size_t bytes, const char *words)
{
    return bytes == strlen(words) && memcmp(line, words, bytes) == 0;
}

bool armor_is(const struct locked *text)
{
    const char *from = (const char *)text->data, *end = from + text->bytes;
    trim(&from, &end);
    return (size_t)(end - from) >= strlen(ARMOR_BEGIN) &&
           memcmp(from, ARMOR_BEGIN, strlen(ARMOR_BEGIN)) == 0;
}

/* The lines between both marks: all of 64 characters, but the last, which is not empty. */
static bool decode_lines(const char *at, const char *end, struct locked *out)
{
    size_t room = out->bytes, bytes, got, last = COLUMNS;
    const char *line;
    out->bytes = 0;
    for (;;) {
        if (at == end)
            return false;
        next_line(&at, end, &line, &bytes);
        if (is(line, bytes, ARMOR_END))
            return at == end;
        if (last != COLUMNS || bytes == 0 || bytes > COLUMNS ||
            !base64_decode(BASE64_PADDED, line, bytes, out->data + out->bytes, room - out->bytes,
                           &got))
            return false;
        out->bytes += got;
        last = got == COLUMNS / 4 * 3 ? bytes : 0; /* behind padding nothing follows */
    }
}

bool armor_decode(const struct locked *text, struct locked *out)
{
    const char *at = (const char *)text->data, *end = at + text->bytes, *line;
    size_t bytes;
    trim(&at, &end);
    if (at == end)
        return false;
    next_line(&at, end, &line, &bytes);
    *out = locked_new(text->bytes);
    if (is(line, bytes, ARMOR_BEGIN) && out->data != NULL && decode_lines(at, end, out))
        return true;
    locked_free(out);
    return false;
}
