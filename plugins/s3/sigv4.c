/* SPDX-License-Identifier: Apache-2.0 */
#include "sigv4.h"

#include <ctype.h>
#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sigv4_time(time_t now, char text[SIGV4_TIME_BYTES])
{
    struct tm parts = {0};
    gmtime_r(&now, &parts);
    if (strftime(text, SIGV4_TIME_BYTES, "%Y%m%dT%H%M%SZ", &parts) == 0)
        text[0] = '\0';
}

void sigv4_hash(const void *data, size_t bytes, char hex[SIGV4_HASH_BYTES])
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, bytes, data);
    sha256_digest(&context, sizeof digest, digest);
    hex_of(digest, sizeof digest, hex);
}

static void hmac(const void *key, size_t key_bytes, const char *text, size_t bytes,
                 uint8_t digest[SHA256_DIGEST_SIZE])
{
    struct hmac_sha256_ctx context;
    hmac_sha256_set_key(&context, key_bytes, key);
    hmac_sha256_update(&context, bytes, (const uint8_t *)text);
    hmac_sha256_digest(&context, SHA256_DIGEST_SIZE, digest);
    explicit_bzero(&context, sizeof context);
}

/* ---- the query ------------------------------------------------------------------------------- */

static int compare_text(const void *a, const void *b)
{
    const struct text *left = a, *right = b;
    return strcmp(text_of(left), text_of(right));
}

/* "name=value" of each, encoded and sorted: '=' must not decide, so it is a NUL until then. */
void sigv4_query(const struct pair *query, size_t count, struct text *out)
{
    struct text *rows = calloc(count + 1, sizeof *rows);
    out->failed |= rows == NULL;
    if (rows == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        text_uri(&rows[i], query[i].name, false);
        text_put(&rows[i], "\1"); /* below all that a name can have */
        text_uri(&rows[i], query[i].value, false);
    }
    qsort(rows, count, sizeof *rows, compare_text);
    for (size_t i = 0; i < count; i++) {
        char *mark = rows[i].data == NULL ? NULL : strchr(rows[i].data, '\1');
        out->failed |= rows[i].failed;
        if (mark != NULL)
            *mark = '=';
        text_put(out, i == 0 ? "" : "&");
        text_put(out, text_of(&rows[i]));
        text_clear(&rows[i]);
    }
    free(rows);
}

/* ---- the headers ----------------------------------------------------------------------------- */

/* Of a header: its name in lower case, its value without needless blanks, which one it was. */
struct header {
    struct text name, value;
    size_t position;
};

static int compare_headers(const void *a, const void *b)
{
    const struct header *left = a, *right = b;
    int order = compare_text(&left->name, &right->name);
    return order != 0 ? order : left->position < right->position ? -1 : 1;
}

/* Blanks at both ends go, and of several between others one stays. */
static void add_trimmed(struct text *out, const char *value)
{
    bool blank = false;
    while (isspace((unsigned char)*value))
        value++;
    for (; *value != '\0'; value++) {
        if (isspace((unsigned char)*value)) {
            blank = true;
            continue;
        }
        text_put(out, blank ? " " : "");
        text_add(out, value, 1);
        blank = false;
    }
}

static struct header *sorted_headers(const struct sigv4_request *request)
{
    struct header *headers = calloc(request->header_count + 1, sizeof *headers);
    for (size_t i = 0; headers != NULL && i < request->header_count; i++) {
        for (const char *at = request->headers[i].name; *at != '\0'; at++)
            text_add(&headers[i].name, &(char){(char)tolower((unsigned char)*at)}, 1);
        add_trimmed(&headers[i].value, request->headers[i].value);
        headers[i].position = i;
    }
    if (headers != NULL)
        qsort(headers, request->header_count, sizeof *headers, compare_headers);
    return headers;
}

/* Both forms; values of one name stand together, with commas between them. */
static void add_headers(const struct sigv4_request *request, struct text *canonical,
                        struct text *names)
{
    struct header *headers = sorted_headers(request);
    canonical->failed |= headers == NULL;
    for (size_t i = 0; headers != NULL && i < request->header_count; i++) {
        bool again = i > 0 && strcmp(text_of(&headers[i].name), text_of(&headers[i - 1].name)) == 0;
        canonical->failed |= headers[i].name.failed || headers[i].value.failed;
        if (!again) {
            text_format(canonical, "%s%s:", i == 0 ? "" : "\n", text_of(&headers[i].name));
            text_format(names, "%s%s", i == 0 ? "" : ";", text_of(&headers[i].name));
        }
        text_format(canonical, "%s%s", again ? "," : "", text_of(&headers[i].value));
    }
    text_put(canonical, "\n");
    for (size_t i = 0; headers != NULL && i < request->header_count; i++) {
        text_clear(&headers[i].name);
        text_clear(&headers[i].value);
    }
    free(headers);
}

/* ---- the signature --------------------------------------------------------------------------- */

static void signing_key(const struct sigv4_keys *keys, const char *time,
                        uint8_t key[SHA256_DIGEST_SIZE])
{
    struct text start = {0};
    text_format(&start, "AWS4%s", keys->secret);
    hmac(text_of(&start), start.bytes, time, 8, key);
    text_wipe(&start);
    hmac(key, SHA256_DIGEST_SIZE, keys->region, strlen(keys->region), key);
    hmac(key, SHA256_DIGEST_SIZE, keys->service, strlen(keys->service), key);
    hmac(key, SHA256_DIGEST_SIZE, "aws4_request", 12, key);
}

bool sigv4_sign(const struct sigv4_request *request, const struct sigv4_keys *keys,
                const char time[SIGV4_TIME_BYTES], struct text *out)
{
    AUTO_TEXT canonical = {0}, names = {0}, scope = {0}, to_sign = {0};
    uint8_t key[SHA256_DIGEST_SIZE], digest[SHA256_DIGEST_SIZE];
    char hex[SIGV4_HASH_BYTES];
    text_format(&canonical, "%s\n%s\n", request->method, request->path);
    sigv4_query(request->query, request->query_count, &canonical);
    text_put(&canonical, "\n");
    add_headers(request, &canonical, &names);
    text_format(&canonical, "\n%s\n%s", text_of(&names), request->payload);
    text_format(&scope, "%.8s/%s/%s/aws4_request", time, keys->region, keys->service);
    sigv4_hash(text_of(&canonical), canonical.bytes, hex);
    text_format(&to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n%s", time, text_of(&scope), hex);
    signing_key(keys, time, key);
    hmac(key, sizeof key, text_of(&to_sign), to_sign.bytes, digest);
    explicit_bzero(key, sizeof key);
    hex_of(digest, sizeof digest, hex);
    text_format(out, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                keys->access, text_of(&scope), text_of(&names), hex);
    return !canonical.failed && !names.failed && !scope.failed && !to_sign.failed && !out->failed;
}
