/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the answer of a service: as an error, a list, a list of uploads, JSON with keys. */
#include "keys.h"
#include "list.h"
#include "refusal.h"
#include "xml.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static bool on_element(void *self, const char *path, const char *text)
{
    size_t *count = self;
    *count += strlen(path) + strlen(text);
    return true;
}

static void as_xml(const char *copy, size_t bytes)
{
    size_t count = 0;
    const struct xml_reader reader = {.self = &count, .element = on_element};
    (void)xml_read(copy, bytes, &reader);
}

static void as_refusal(const char *copy, size_t bytes)
{
    struct http_response response = {.status = 503};
    struct refusal refusal;
    text_add(&response.body, copy, bytes);
    refusal_of(&response, &refusal);
    (void)refusal_in_body(&response);
    (void)refusal_hint(&refusal);
    for (const char *at = refusal.message; *at != '\0'; at++)
        if ((unsigned char)*at < ' ')
            abort(); /* it is shown */
    http_clear(&response);
}

static void as_keys(const char *copy, size_t bytes)
{
    struct keys keys = {0};
    (void)keys_from_json(copy, bytes, &keys);
    keys_clear(&keys);
}

static void as_text(const char *copy)
{
    char *words = strdup(copy);
    if (words == NULL)
        return;
    (void)time_of_list(words);
    unquote(words);
    (void)uri_decode(words);
    free(words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    /* Exactly as large as it is, so that the sanitizer sees a read beyond the end. */
    char *copy = malloc(bytes + 1);
    if (copy == NULL)
        return 0;
    if (bytes > 0)
        memcpy(copy, data, bytes);
    copy[bytes] = '\0';
    as_refusal(copy, bytes);
    as_keys(copy, bytes);
    as_text(copy);
    char *tight = malloc(bytes > 0 ? bytes : 1);
    if (tight != NULL && bytes > 0)
        memcpy(tight, copy, bytes);
    free(copy);
    if (tight != NULL)
        as_xml(tight, bytes);
    free(tight);
    return 0;
}
