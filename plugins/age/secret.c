/* SPDX-License-Identifier: Apache-2.0 */
#include "secret.h"

#include "settings.h"
#include <sodium.h>
#include <string.h>

static int ask(const struct hb_host *host, const struct hb_settings *settings, int which,
               struct locked *out)
{
    struct hb_secret given = {.size = sizeof given};
    int status = host->secret(host, age_options[which]->key, text_setting(settings, which), &given);
    if (status != HB_OK) /* the host has said why */
        return status == HB_STATUS_CANCELLED ? status : HB_STATUS_FATAL;
    if (given.bytes == 0)
        status = settings_fail(host, settings, which, HB_CAUSE_AUTHENTICATION, NULL,
                               "the passphrase is empty");
    else if ((*out = locked_new(given.bytes)).data == NULL)
        status = host->fail(host, HB_STATUS_FATAL, "out of memory");
    else
        memcpy(out->data, given.text, given.bytes);
    host->secret_release(host, &given);
    return status;
}

static bool equal(const struct locked *one, const struct locked *other)
{
    return one->bytes == other->bytes && sodium_memcmp(one->data, other->data, one->bytes) == 0;
}

int secret_ask(const struct hb_host *host, const struct hb_settings *settings, int which,
               bool twice, struct secret *secret)
{
    AUTO_LOCKED first = {0}, again = {0};
    if (secret->text.data != NULL)
        return HB_OK;
    int status = ask(host, settings, which, &first);
    /* A word that was mistyped once would be the only one that opens the archive. */
    if (status == HB_OK && twice && strncmp(text_setting(settings, which), "terminal:", 9) == 0) {
        status = ask(host, settings, which, &again);
        if (status == HB_OK && !equal(&first, &again))
            status = settings_fail(host, settings, which, HB_CAUSE_AUTHENTICATION,
                                   "type the same one twice",
                                   "the two passphrases that were typed differ");
    }
    if (status == HB_OK) {
        secret->text = first;
        first = (struct locked){0};
    }
    return status;
}
