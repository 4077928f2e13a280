/* SPDX-License-Identifier: Apache-2.0 */
/* Signs requests that stand in standard input, one JSON object a line, and prints the header of
 * each: for signatures.py, which compares with a signer of its own. */
#include "sigv4.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *member(const json_t *from, const char *name)
{
    const char *text = json_string_value(json_object_get(from, name));
    return text == NULL ? "" : text;
}

/* [["name", "value"], …] */
static struct pair *pairs_of(const json_t *list, size_t *count)
{
    *count = json_array_size(list);
    struct pair *pairs = calloc(*count + 1, sizeof *pairs);
    if (pairs == NULL)
        abort();
    for (size_t i = 0; i < *count; i++) {
        const json_t *pair = json_array_get(list, i);
        pairs[i].name = json_string_value(json_array_get(pair, 0));
        pairs[i].value = json_string_value(json_array_get(pair, 1));
    }
    return pairs;
}

static void sign(const json_t *said)
{
    struct sigv4_request request = {.method = member(said, "method"),
                                    .payload = member(said, "payload")};
    const struct sigv4_keys keys = {.access = member(said, "access"),
                                    .secret = member(said, "secret"),
                                    .region = member(said, "region"),
                                    .service = "s3"};
    struct pair *query = pairs_of(json_object_get(said, "query"), &request.query_count);
    struct pair *headers = pairs_of(json_object_get(said, "headers"), &request.header_count);
    AUTO_TEXT path = {0}, out = {0};
    text_put(&path, "/");
    text_uri(&path, member(said, "key"), true);
    request.query = query;
    request.headers = headers;
    request.path = text_of(&path);
    if (!sigv4_sign(&request, &keys, member(said, "time"), &out))
        abort();
    puts(text_of(&out));
    free(query);
    free(headers);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) >= 0) {
        json_t *said = json_loads(line, 0, NULL);
        if (said == NULL)
            return 1;
        sign(said);
        json_decref(said);
    }
    free(line);
    return 0;
}
