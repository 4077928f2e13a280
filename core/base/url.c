/* SPDX-License-Identifier: Apache-2.0 */
#include "base/url.h"

#include "base/memory.h"
#include <string.h>
#include <strings.h>

/* RFC 3986, 3.1: the bytes that a scheme at the start of `text` would have. */
static size_t scheme_bytes(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t bytes = strspn(text, letters);
    return bytes == 0 ? 0
                      : bytes + strspn(text + bytes, "abcdefghijklmnopqrstuvwxyz"
                                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
}

bool hb_url_is_scheme(const char *text)
{
    return *text != '\0' && text[scheme_bytes(text)] == '\0';
}

size_t hb_url_scheme(const char *place)
{
    size_t bytes = scheme_bytes(place);
    return bytes > 0 && strncmp(place + bytes, "://", 3) == 0 ? bytes : 0;
}

char *hb_url_lower(const char *url, size_t bytes)
{
    char *made = hb_copy_text(url);
    for (size_t i = 0; i < bytes && made[i] != '\0'; i++)
        if (made[i] >= 'A' && made[i] <= 'Z')
            made[i] = (char)(made[i] - 'A' + 'a');
    return made;
}

bool hb_url_is_slip(const char *place)
{
    const char *colon = strstr(place, "://");
    size_t word = scheme_bytes(place);
    if (word > 1 && place[word] == ':' && strncmp(place + word, "://", 3) != 0)
        return strncasecmp(place, "file:/", 6) != 0; /* s3:bucket/x */
    return colon != NULL && hb_url_scheme(place) == 0 &&
           memchr(place, '/', (size_t)(colon - place)) == NULL;
}

const char *hb_url_name(const char *url)
{
    return url + hb_url_scheme(url) + 3;
}

static int digit(char c)
{
    const char *digits = "0123456789abcdef", *at = NULL;
    char lower = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    if (lower != '\0')
        at = strchr(digits, lower);
    return at == NULL ? -1 : (int)(at - digits);
}

char *hb_url_file(const char *place)
{
    static const char *const starts[] = {"file:///", "file://localhost/", "file:/"};
    const char *from = NULL;
    for (size_t i = 0; i < sizeof starts / sizeof *starts && from == NULL; i++)
        if (strncasecmp(place, starts[i], strlen(starts[i])) == 0)
            from = place + strlen(starts[i]) - 1;
    /* "file://HOST" is of another machine. */
    bool host = from != NULL && from == place + strlen("file:") && from[1] == '/';
    if (from == NULL || host)
        return NULL;
    char *path = hb_copy_text(from), *to = path;
    for (; *from != '\0'; from++) {
        int high = *from == '%' ? digit(from[1]) : -1, low = high < 0 ? -1 : digit(from[2]);
        *to = low < 0 ? *from : (char)(high * 16 + low);
        if (*to++ == '\0') {
            free(path);
            return NULL;
        }
        from += low < 0 ? 0 : 2;
    }
    *to = '\0';
    return path;
}
