/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, and what the sources of them have in common: credentials.h. */
#ifndef S3_KEYS_H
#define S3_KEYS_H

#include "http.h"
#include "settings.h"

struct keys {
    struct text access, secret, token; /* token: empty where there is none */
    int64_t expires;                   /* seconds since 1970; 0: never */
};

void keys_clear(struct keys *keys);

/* What a source answers: there are none, which is no failure (HB_STATUS_NOMATCH), HB_OK, or one. */
struct asking {
    const struct hb_host *host;
    const struct hb_settings *settings;
    struct http *http;
};

/* {"AccessKeyId": …}; the name of the token differs. False: they are not in it. */
bool keys_from_json(const char *text, size_t bytes, struct keys *keys);

#endif
