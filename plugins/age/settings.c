/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include "kdf.h"
#include "recipient.h"
#include "scrypt.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OPTION(...) (&(const struct hb_option){.size = sizeof(struct hb_option), __VA_ARGS__})

const struct hb_option *const age_options[OPTIONS] = {
    [RECIPIENT] = OPTION(.type = HB_OPTION_LIST, .key = "recipient", .default_text = "",
                         .help = "Public keys (age1...) that archives are sealed for; the secret "
                                 "key of each opens them"),
    [RECIPIENTS_FILE] = OPTION(.type = HB_OPTION_LIST, .key = "recipients-file", .default_text = "",
                               .help = "Files with more of them, a line each"),
    [PASSPHRASE] = OPTION(.type = HB_OPTION_STRING, .key = "passphrase", .default_text = "",
                          .flags = HB_OPTION_SECRET,
                          .help = "Passphrase that archives are sealed and opened with instead: "
                                  "file:PATH, env:NAME, command:WORD ... or terminal:"),
    [IDENTITY] = OPTION(.type = HB_OPTION_LIST, .key = "identity", .default_text = "",
                        .help = "Files of secret keys (age-keygen) that archives are opened with"),
    [IDENTITY_PASSPHRASE] =
        OPTION(.type = HB_OPTION_STRING, .key = "identity-passphrase", .default_text = "",
               .flags = HB_OPTION_SECRET,
               .help = "Passphrase of those files, where age -p has sealed them: file:PATH, "
                       "env:NAME, command:WORD ... or terminal:"),
    [WORK_FACTOR] =
        OPTION(.type = HB_OPTION_INTEGER, .key = "work-factor", .default_text = "18",
               .minimum = WORK_FACTOR_LEAST, .maximum = WORK_FACTOR_MOST,
               .flags = HB_OPTION_ADVANCED,
               .help = "What a guess at the passphrase costs: 2 to the power of this, in KiB of "
                       "memory"),
    [MAX_WORK_FACTOR] =
        OPTION(.type = HB_OPTION_INTEGER, .key = "max-work-factor", .default_text = "20",
               .minimum = WORK_FACTOR_LEAST, .maximum = WORK_FACTOR_MOST,
               .flags = HB_OPTION_ADVANCED,
               .help = "Most of that which an archive may ask for when it is opened"),
};

int settings_fail(const struct hb_host *host, const struct hb_settings *settings, int which,
                  uint32_t cause, const char *hint, const char *format, ...)
{
    char why[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return host->fail_as(host, HB_STATUS_FATAL, cause, hint, "[%s] %s: %s", settings->section,
                         age_options[which]->key, why);
}

static bool wrong(const struct hb_host *host, const struct hb_settings *settings, int which,
                  const char *what)
{
    settings_fail(host, settings, which, HB_CAUSE_NONE, NULL, "%s", what);
    return false;
}

/* A passphrase that stands there could have come from a command line, which everybody can read. */
static bool check_passphrase(const struct hb_host *host, const struct hb_settings *settings,
                             int which)
{
    static const char *const ways[] = {"file:", "env:", "command:", "terminal:"};
    const char *text = text_setting(settings, which);
    if (*text == '\0')
        return true;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strncmp(text, ways[i], strlen(ways[i])) == 0)
            return true;
    return wrong(host, settings, which,
                 "say where the passphrase comes from, not the passphrase: file:PATH, env:NAME, "
                 "command:WORD ... or terminal:");
}

static bool check_paths(const struct hb_host *host, const struct hb_settings *settings, int which)
{
    bool well = true;
    for (size_t i = 0; i < count_setting(settings, which); i++) {
        const char *path = settings->values[which]->list[i];
        if (strncmp(path, "AGE-SECRET-KEY-", strlen("AGE-SECRET-KEY-")) == 0)
            well = wrong(host, settings, which,
                         "a secret key stands there: write it into a file, and name that; and make "
                         "a new one, if others could read this");
        else if (*path != '/' && strncmp(path, "~/", 2) != 0)
            well = wrong(host, settings, which, "a path of it does not begin with / or ~/");
    }
    return well;
}

static bool check_recipients(const struct hb_host *host, const struct hb_settings *settings)
{
    bool well = true;
    for (size_t i = 0; i < count_setting(settings, RECIPIENT); i++) {
        const char *text = settings->values[RECIPIENT]->list[i];
        unsigned char recipient[KEY_BYTES];
        const char *why = recipient_decode(text, strlen(text), recipient);
        if (why != NULL) {
            settings_fail(host, settings, RECIPIENT, HB_CAUSE_NONE, recipient_hint(text),
                          "word %zu %s", i + 1, why);
            well = false;
        }
    }
    return well;
}

bool settings_check(const struct hb_host *host, const struct hb_settings *settings)
{
    bool passphrase = *text_setting(settings, PASSPHRASE) != '\0';
    size_t recipients =
        count_setting(settings, RECIPIENT) + count_setting(settings, RECIPIENTS_FILE);
    bool well = check_recipients(host, settings);
    well = check_paths(host, settings, RECIPIENTS_FILE) && well;
    well = check_paths(host, settings, IDENTITY) && well;
    well = check_passphrase(host, settings, PASSPHRASE) && well;
    well = check_passphrase(host, settings, IDENTITY_PASSPHRASE) && well;
    if (passphrase && recipients > 0)
        well = wrong(host, settings, PASSPHRASE,
                     "an archive is sealed for recipients or with a passphrase, not with both: "
                     "remove one of them");
    if (*text_setting(settings, IDENTITY_PASSPHRASE) != '\0' &&
        count_setting(settings, IDENTITY) == 0)
        well = wrong(host, settings, IDENTITY_PASSPHRASE, "it goes with identity");
    if (number_setting(settings, WORK_FACTOR) > number_setting(settings, MAX_WORK_FACTOR))
        well = wrong(host, settings, WORK_FACTOR,
                     "it is above max-work-factor: what is sealed here would not open here");
    return well;
}
