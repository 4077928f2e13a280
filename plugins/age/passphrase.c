/* SPDX-License-Identifier: Apache-2.0 */
#include "passphrase.h"

#include "settings.h"

/* May scrypt cost what the stanza says? */
static int check_cost(const struct hb_host *host, const struct hb_settings *settings,
                      const struct locked_by *by, const struct stanza *stanza)
{
    unsigned most = number_setting(settings, MAX_WORK_FACTOR);
    unsigned factor = scrypt_factor(stanza);
    const char *path = by->path == NULL ? "" : by->path, *colon = by->path == NULL ? "" : ": ";
    if (factor <= most)
        return host->cancelled(host) ? HB_STATUS_CANCELLED : HB_OK;
    if (factor > WORK_FACTOR_MOST)
        return host->fail_as(host, HB_STATUS_FATAL, HB_CAUSE_UNSUPPORTED, NULL,
                             "%s%sits passphrase has a work factor above %d, the most that is "
                             "possible",
                             path, colon, WORK_FACTOR_MOST);
    return host->fail_as(host, HB_STATUS_NOMATCH, HB_CAUSE_DENIED,
                         "if you trust where it comes from, set max-work-factor",
                         "%s%sits passphrase has the work factor %u, and max-work-factor is %u",
                         path, colon, factor, most);
}

enum unwrapped passphrase_unwrap(const struct hb_host *host, const struct hb_settings *settings,
                                 const struct locked_by *by, const struct stanza *stanza,
                                 unsigned char *file_key, int *status)
{
    *status = check_cost(host, settings, by, stanza);
    if (*status == HB_OK) {
        *status = secret_ask(host, settings, by->option, false, by->secret);
        *status = *status == HB_STATUS_FATAL ? HB_STATUS_NOMATCH : *status;
    }
    if (*status != HB_OK)
        return UNWRAPPED_WRONG;
    const struct locked *text = &by->secret->text;
    enum unwrapped answer = scrypt_unwrap(stanza, text->data, text->bytes, file_key);
    if (answer == UNWRAPPED_NO)
        locked_free(&by->secret->text); /* it can be typed again */
    if (answer == UNWRAPPED_NO_MEMORY) {
        settings_fail(host, settings, by->option, HB_CAUSE_BUSY, NULL,
                      "there is no memory for scrypt, which takes %u MiB here",
                      (1u << scrypt_factor(stanza)) >> 10);
        *status = HB_STATUS_NOMATCH;
    }
    return answer;
}
