/* SPDX-License-Identifier: Apache-2.0 */
#include "recipients.h"

#include "file.h"
#include "header.h"
#include "lines.h"
#include "recipient.h"
#include "settings.h"
#include <stdlib.h>
#include <string.h>

static int add(const struct hb_host *host, struct recipients *recipients,
               const unsigned char *recipient)
{
    for (size_t i = 0; i < recipients->count; i++)
        if (memcmp(recipients->keys[i], recipient, KEY_BYTES) == 0)
            return HB_OK;
    if (recipients->count == STANZAS_MOST)
        return host->fail(host, HB_STATUS_FATAL, "more than %d recipients are not possible",
                          STANZAS_MOST);
    memcpy(recipients->keys[recipients->count++], recipient, KEY_BYTES);
    return HB_OK;
}

static int add_word(const struct hb_host *host, const struct hb_settings *settings, size_t i,
                    struct recipients *recipients)
{
    const char *text = settings->values[RECIPIENT]->list[i];
    unsigned char recipient[KEY_BYTES];
    const char *why = recipient_decode(text, strlen(text), recipient);
    return why == NULL ? add(host, recipients, recipient)
                       : settings_fail(host, settings, RECIPIENT, HB_CAUSE_NONE, NULL,
                                       "word %zu %s", i + 1, why);
}

static int add_file(const struct hb_host *host, const struct hb_settings *settings, size_t i,
                    struct recipients *recipients)
{
    const char *path = settings->values[RECIPIENTS_FILE]->list[i], *text;
    AUTO_LOCKED file = {0};
    size_t bytes;
    int status = file_read(host, settings, RECIPIENTS_FILE, path, FILE_TRUSTED, &file);
    struct lines lines = {(const char *)file.data, (const char *)file.data + file.bytes, 0};
    bool any = false;
    while (status == HB_OK && lines_next(&lines, &text, &bytes)) {
        unsigned char recipient[KEY_BYTES];
        const char *why = recipient_decode(text, bytes, recipient);
        any = true;
        status = why == NULL ? add(host, recipients, recipient)
                             : settings_fail(host, settings, RECIPIENTS_FILE, HB_CAUSE_NONE, NULL,
                                             "%s: line %zu %s", path, lines.number, why);
    }
    if (status == HB_OK && !any)
        status = settings_fail(host, settings, RECIPIENTS_FILE, HB_CAUSE_NONE, NULL,
                               "%s: there is no key in it", path);
    return status;
}

int recipients_read(const struct hb_host *host, const struct hb_settings *settings,
                    struct recipients *recipients)
{
    if (recipients->keys != NULL)
        return HB_OK;
    struct recipients all = {.keys = calloc(STANZAS_MOST, sizeof *all.keys)};
    int status = all.keys != NULL ? HB_OK : host->fail(host, HB_STATUS_FATAL, "out of memory");
    for (size_t i = 0; status == HB_OK && i < count_setting(settings, RECIPIENT); i++)
        status = add_word(host, settings, i, &all);
    for (size_t i = 0; status == HB_OK && i < count_setting(settings, RECIPIENTS_FILE); i++)
        status = add_file(host, settings, i, &all);
    if (status == HB_OK)
        *recipients = all;
    else
        recipients_free(&all);
    return status;
}

void recipients_free(struct recipients *recipients)
{
    free(recipients->keys);
    *recipients = (struct recipients){0};
}
