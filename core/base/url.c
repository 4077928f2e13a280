/* SPDX-License-Identifier: Apache-2.0 */
#include "base/url.h"

#include "base/memory.h"
#include <string.h>

size_t hb_url_scheme(const char *place)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t bytes = strspn(place, "abcdefghijklmnopqrstuvwxyz0123456789-");
    bool begins = *place != '\0' && strchr(letters, *place) != NULL;
    return begins && strncmp(place + bytes, "://", 3) == 0 ? bytes : 0;
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
        if (strncmp(place, starts[i], strlen(starts[i])) == 0)
            from = place + strlen(starts[i]) - 1;
    if (from == NULL || from[1] == '/') /* "file://HOST" is of another machine */
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
