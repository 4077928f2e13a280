/* SPDX-License-Identifier: Apache-2.0 */
#include "credentials.h"

#include "credentials_command.h"
#include "credentials_file.h"
#include "credentials_metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOON = 300 }; /* seconds: keys that expire so soon are asked for again */

struct credentials {
    struct asking asking;
    pthread_mutex_t lock;
    bool known;
    struct keys keys;
};

struct credentials *credentials_make(const struct hb_host *host, const struct hb_settings *settings,
                                     struct http *http)
{
    struct credentials *credentials = calloc(1, sizeof *credentials);
    if (credentials == NULL)
        return NULL;
    credentials->asking = (struct asking){.host = host, .settings = settings, .http = http};
    pthread_mutex_init(&credentials->lock, NULL);
    return credentials;
}

void credentials_free(struct credentials *credentials)
{
    if (credentials == NULL)
        return;
    keys_clear(&credentials->keys);
    pthread_mutex_destroy(&credentials->lock);
    free(credentials);
}

/* ---- the sources that are one call ----------------------------------------------------------- */

static int take_secret(const struct asking *asking, int which, struct text *to)
{
    const struct hb_host *host = asking->host;
    const char *said = text_setting(asking->settings, which);
    struct hb_secret secret = {.size = sizeof secret};
    if (*said == '\0')
        return HB_OK;
    int status = host->secret(host, s3_options[which]->key, said, &secret);
    if (status != HB_OK)
        return status;
    text_add(to, secret.text, secret.bytes);
    host->secret_release(host, &secret);
    return to->failed ? host->fail(host, HB_STATUS_FATAL, "out of memory") : HB_OK;
}

static int keys_from_options(const struct asking *asking, struct keys *keys)
{
    if (*text_setting(asking->settings, ACCESS_KEY_ID) == '\0')
        return HB_STATUS_NOMATCH;
    int status = take_secret(asking, ACCESS_KEY_ID, &keys->access);
    if (status == HB_OK)
        status = take_secret(asking, SECRET_ACCESS_KEY, &keys->secret);
    return status == HB_OK ? take_secret(asking, SESSION_TOKEN, &keys->token) : status;
}

static int keys_from_environment(const struct asking *asking, bool needed, struct keys *keys)
{
    const struct hb_host *host = asking->host;
    const char *access = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
    const char *token = getenv("AWS_SESSION_TOKEN");
    bool has_access = access != NULL && *access != '\0',
         has_secret = secret != NULL && *secret != '\0';
    if (!has_access && !has_secret && !needed)
        return HB_STATUS_NOMATCH;
    if (!has_access || !has_secret)
        return host->fail_as(host, HB_STATUS_FATAL, HB_CAUSE_AUTHENTICATION, NULL,
                             "the environment has no %s",
                             has_access ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    text_put(&keys->access, access);
    text_put(&keys->secret, secret);
    text_put(&keys->token, token == NULL ? "" : token);
    return HB_OK;
}

/* ---- which source ---------------------------------------------------------------------------- */

/* In the order of enum source. */
static int ask_source(const struct asking *asking, int64_t source, bool needed, struct keys *keys)
{
    switch (source) {
    case SOURCE_OPTIONS:
        return keys_from_options(asking, keys);
    case SOURCE_ENVIRONMENT:
        return keys_from_environment(asking, needed, keys);
    case SOURCE_FILE:
        return keys_from_file(asking, needed, keys);
    case SOURCE_COMMAND:
        return keys_from_command(asking, keys);
    default:
        return keys_from_metadata(asking, needed, keys);
    }
}

static int ask(const struct asking *asking, struct keys *keys)
{
    const struct hb_host *host = asking->host;
    int64_t source = number_setting(asking->settings, CREDENTIALS);
    bool chosen = source != SOURCE_AUTO;
    int status = HB_STATUS_NOMATCH;
    for (int64_t at = chosen ? source : SOURCE_OPTIONS;
         status == HB_STATUS_NOMATCH && at <= (chosen ? source : SOURCE_METADATA); at++)
        status = ask_source(asking, at, chosen, keys);
    if (status == HB_STATUS_NOMATCH) {
        char hint[300];
        snprintf(hint, sizeof hint,
                 "add a section [%s] to the configuration with endpoint (unless the bucket is "
                 "Amazon's), access-key-id and secret-access-key",
                 asking->settings->section);
        return host->fail_as(host, HB_STATUS_FATAL, HB_CAUSE_AUTHENTICATION, hint,
                             "there are no keys for it: no options, environment, file, command or "
                             "metadata has some");
    }
    if (status == HB_OK && (keys->access.failed || keys->secret.failed || keys->token.failed))
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    return status;
}

static bool is_due(const struct keys *keys)
{
    return keys->expires != 0 && keys->expires - SOON < (int64_t)time(NULL);
}

static bool is_same(const struct keys *a, const struct keys *b)
{
    return strcmp(text_of(&a->access), text_of(&b->access)) == 0 &&
           strcmp(text_of(&a->token), text_of(&b->token)) == 0;
}

static void copy_keys(const struct keys *from, struct keys *to)
{
    text_put(&to->access, text_of(&from->access));
    text_put(&to->secret, text_of(&from->secret));
    text_put(&to->token, text_of(&from->token));
    to->expires = from->expires;
}

/* With the lock. Keys that are valid for a little while stay where others are not to be had. */
static int ask_again(struct credentials *credentials)
{
    struct keys keys = {0};
    int status = ask(&credentials->asking, &keys);
    if (status != HB_OK && credentials->known && credentials->keys.expires > (int64_t)time(NULL)) {
        keys_clear(&keys);
        return HB_OK;
    }
    keys_clear(&credentials->keys);
    credentials->keys = keys;
    credentials->known = status == HB_OK;
    return status;
}

int credentials_get(struct credentials *credentials, const struct keys *refused, struct keys *keys)
{
    const struct hb_host *host = credentials->asking.host;
    int status = HB_OK;
    *keys = (struct keys){0};
    pthread_mutex_lock(&credentials->lock);
    bool old = refused != NULL && credentials->known && is_same(refused, &credentials->keys);
    if (old)
        credentials->keys.expires = 1; /* another thread need not be refused, too */
    if (!credentials->known || is_due(&credentials->keys))
        status = ask_again(credentials);
    if (status == HB_OK)
        copy_keys(&credentials->keys, keys);
    if (status == HB_OK && old && is_same(refused, keys))
        status = host->fail_as(host, HB_STATUS_FATAL, HB_CAUSE_AUTHENTICATION, "give it new keys",
                               "the keys for it have expired");
    pthread_mutex_unlock(&credentials->lock);
    if (status == HB_OK && (keys->access.failed || keys->secret.failed || keys->token.failed))
        status = host->fail(host, HB_STATUS_FATAL, "out of memory");
    return status;
}

int credentials_peek(struct credentials *credentials, struct keys *keys)
{
    *keys = (struct keys){0};
    pthread_mutex_lock(&credentials->lock);
    bool known = credentials->known && !is_due(&credentials->keys);
    if (known)
        copy_keys(&credentials->keys, keys);
    pthread_mutex_unlock(&credentials->lock);
    return known && !keys->access.failed && !keys->secret.failed && !keys->token.failed
               ? HB_OK
               : HB_STATUS_NOMATCH;
}
