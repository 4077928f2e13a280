/* SPDX-License-Identifier: Apache-2.0 */
/* s3: what the host sees. s3.h says which file does what. */
#include "s3.h"

#include "endpoint.h"
#include "get.h"
#include "list.h"
#include "put.h"
#include "remove.h"
#include "unfinished.h"
#include "upload.h"
#include <nettle/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUSTOMER_KEY_BYTES = 32 };

static void destroy(void *self)
{
    struct s3 *s3 = self;
    credentials_free(s3->credentials);
    http_free(s3->http);
    speed_clear(&s3->up);
    speed_clear(&s3->down);
    if (s3->customer_key != NULL)
        explicit_bzero(s3->customer_key, strlen(s3->customer_key));
    free(s3->customer_key);
    pthread_mutex_destroy(&s3->lock);
    free(s3);
}

/* False: it is not base64 of 32 bytes. */
static bool take_customer_key(struct s3 *s3, const struct hb_secret *secret)
{
    struct base64_decode_ctx context;
    uint8_t key[BASE64_DECODE_LENGTH(64)];
    size_t bytes = sizeof key;
    base64_decode_init(&context);
    bool well = secret->bytes == 44 &&
                base64_decode_update(&context, &bytes, key, secret->bytes, secret->text) == 1 &&
                base64_decode_final(&context) == 1 && bytes == CUSTOMER_KEY_BYTES;
    if (well) {
        md5_of(key, bytes, s3->customer_md5);
        s3->customer_key = strdup(secret->text);
    }
    explicit_bzero(key, sizeof key);
    return well && s3->customer_key != NULL;
}

static int read_customer_key(struct s3 *s3)
{
    const struct hb_host *host = s3->host;
    const char *said = text_setting(s3->settings, CUSTOMER_KEY);
    struct hb_secret secret = {.size = sizeof secret};
    if (number_setting(s3->settings, ENCRYPTION) != ENCRYPT_CUSTOMER)
        return HB_OK;
    int status = host->secret(host, s3_options[CUSTOMER_KEY]->key, said, &secret);
    if (status != HB_OK)
        return status;
    if (!take_customer_key(s3, &secret))
        status = host->fail(host, HB_STATUS_FATAL, "[%s] %s: that is not base64 of 32 bytes",
                            s3->settings->section, s3_options[CUSTOMER_KEY]->key);
    host->secret_release(host, &secret);
    return status;
}

static int make(struct s3 *s3)
{
    const struct hb_settings *settings = s3->settings;
    const char *region = endpoint_first_region(settings);
    speed_init(&s3->up, (uint64_t)number_setting(settings, UPLOAD_LIMIT));
    speed_init(&s3->down, (uint64_t)number_setting(settings, DOWNLOAD_LIMIT));
    pthread_mutex_init(&s3->lock, NULL);
    if (!endpoint_is_region(region) || strlen(region) >= sizeof s3->region)
        return s3->host->fail(s3->host, HB_STATUS_FATAL, "[%s] %s: '%.64s' is no region",
                              settings->section, s3_options[REGION]->key, region);
    snprintf(s3->region, sizeof s3->region, "%s", region);
    s3->http =
        http_make(&(const struct http_settings){.ca_file = text_setting(settings, CA_FILE),
                                                .timeout = (long)number_setting(settings, TIMEOUT),
                                                .up = &s3->up,
                                                .down = &s3->down});
    s3->credentials = credentials_make(s3->host, settings, s3->http);
    if (s3->http == NULL || s3->credentials == NULL)
        return s3->host->fail(s3->host, HB_STATUS_FATAL, "out of memory");
    return read_customer_key(s3);
}

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    if (!settings_check(host, settings))
        return HB_STATUS_FATAL;
    struct s3 *s3 = calloc(1, sizeof *s3);
    if (s3 == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    s3->host = host;
    s3->settings = settings;
    int status = make(s3);
    if (status == HB_OK)
        *self = s3;
    else
        destroy(s3);
    return status;
}

static int check(const struct hb_host *host, const struct hb_settings *settings)
{
    return settings_check(host, settings) ? HB_OK : HB_STATUS_FATAL;
}

static const struct hb_store_ops ops = {
    .size = sizeof ops,
    .limits = s3_limits,
    .put_begin = s3_put_begin,
    .put_part = s3_put_part,
    .put_commit = s3_put_commit,
    .put_end = s3_put_end,
    .open = s3_open,
    .read_at = s3_read_at,
    .close = s3_close,
    .list = s3_list,
    .remove = s3_remove,
    .put_copy = s3_put_copy,
    .advise = s3_advise,
    .sweep = s3_sweep,
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_STORE,
    .host_size = HB_SIZE_TO(struct hb_host, secret_release),
    .name = "s3",
    .version = "0.1.0",
    .summary = "Archives in a bucket of Amazon S3, or of what speaks its language",
    .options = s3_options,
    .option_count = OPTIONS,
    .create = create,
    .destroy = destroy,
    .ops = &ops,
    .check = check,
};

HB_PLUGIN_KIND(HB_KIND_STORE);

const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
