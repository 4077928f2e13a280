/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals and opens a file through the plugin, as the host would, for tests/age: age(1) is to open
 * what this makes, and this what age(1) makes.
 *
 *   age-file seal|open SETTINGS IN OUT     SETTINGS: lines of "key=value"
 *   age-file unarmor IN OUT
 *
 * Exit status 0; 2: usage, or a file; 3: well formed, and nothing that is set opens it; 4: the
 * header, or what is set; 5: the blocks; 6: the armor.
 */
#include "armor.h"
#include "blocks.h"
#include "fake_host.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static int said(const struct fake_host *fake, int status)
{
    if (status == HB_OK)
        return 0;
    fprintf(stderr, "%s%s%s%s%s\n", fake->message, *fake->hint == '\0' ? "" : " -- ", fake->hint,
            *fake->report == '\0' ? "" : " (note) ", fake->report);
    return status == HB_STATUS_NOMATCH ? 3 : status == HB_STATUS_ENTRY ? 5 : 4;
}

static int run(const char *what, const char *settings_text, const char *in, const char *out)
{
    const struct hb_plugin *plugin = hb_plugin_v1();
    const struct hb_transform_ops *ops = plugin->ops;
    struct fake_host fake;
    struct fake_settings *settings;
    struct bytes from = bytes_from(in), to = {0};
    void *self;
    fake_host_init(&fake);
    int status = fake_create(&fake, plugin, settings_text, &self, &settings);
    if (status == HB_OK)
        status = strcmp(what, "seal") == 0 ? blocks_seal(ops, self, &from, &to)
                                           : blocks_open(ops, self, &from, &to);
    int code = said(&fake, status);
    if (code == 0)
        bytes_to(out, &to);
    if (self != NULL)
        fake_destroy(plugin, self, settings);
    fake_host_finish(&fake);
    bytes_free(&from);
    bytes_free(&to);
    return code;
}

static int unarmor(const char *in, const char *out)
{
    struct bytes text = bytes_from(in);
    struct locked binary = {0};
    const struct locked whole = {text.data, text.count};
    bool well = sodium_init() >= 0 && armor_is(&whole) && armor_decode(&whole, &binary);
    if (well)
        bytes_to(out, &(const struct bytes){binary.data, binary.bytes});
    locked_free(&binary);
    bytes_free(&text);
    return well ? 0 : 6;
}

int main(int count, char **words)
{
    if (count == 4 && strcmp(words[1], "unarmor") == 0)
        return unarmor(words[2], words[3]);
    if (count == 5 && (strcmp(words[1], "seal") == 0 || strcmp(words[1], "open") == 0))
        return run(words[1], words[2], words[3], words[4]);
    fputs("usage: age-file seal|open SETTINGS IN OUT | unarmor IN OUT\n", stderr);
    return 2;
}
