/* SPDX-License-Identifier: Apache-2.0 */
#include "secret.h"

#include "settings.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define TERMINAL "terminal:"

/* `text`: where it comes from. */
static int ask(const struct hb_host *host, const struct hb_settings *settings, int which,
               const char *text, struct locked *out)
{
    struct hb_secret given = {.size = sizeof given};
    int status = host->secret(host, age_options[which]->key, text, &given);
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

/* A word that was mistyped once would be the only one that opens the archive. */
static int ask_again(const struct hb_host *host, const struct hb_settings *settings, int which,
                     const struct locked *first)
{
    const char *said = text_setting(settings, which) + strlen(TERMINAL); /* a prompt, or "" */
    AUTO_LOCKED again = {0};
    char text[300];
    if (*said != '\0')
        snprintf(text, sizeof text, TERMINAL "%s (again)", said);
    else
        snprintf(text, sizeof text, TERMINAL "[%s] %s (again)", settings->section,
                 age_options[which]->key);
    int status = ask(host, settings, which, text, &again);
    if (status == HB_OK && !equal(first, &again))
        status =
            settings_fail(host, settings, which, HB_CAUSE_AUTHENTICATION, "type the same one twice",
                          "the two passphrases that were typed differ");
    return status;
}

int secret_ask(const struct hb_host *host, const struct hb_settings *settings, int which,
               bool twice, struct secret *secret)
{
    const char *text = text_setting(settings, which);
    AUTO_LOCKED first = {0};
    if (secret->text.data != NULL)
        return HB_OK;
    int status = ask(host, settings, which, text, &first);
    if (status == HB_OK && twice && strncmp(text, TERMINAL, strlen(TERMINAL)) == 0)
        status = ask_again(host, settings, which, &first);
    if (status == HB_OK) {
        secret->text = first;
        first = (struct locked){0};
    }
    return status;
}
