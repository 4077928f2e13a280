/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a configuration: the reader must neither fall over nor let libinih see a line
 * otherwise than it does itself, which shows in the entries.
 */
#include "config/ini_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void ignore(void *context, unsigned line, const struct hb_error *error)
{
    unsigned *lines = context;
    if (line == 0 || error->text[0] == '\0')
        abort();
    /* Ours and libinih's idea of a line must never differ. */
    if (strcmp(error->text, "this line cannot be understood") == 0)
        abort();
    ++*lines;
}

static void check_entry(const struct hb_ini_section *section, const struct hb_ini_entry *entry)
{
    if (entry->key[0] == '\0' || entry->line <= section->line)
        abort();
    if (hb_ini_entry(section, entry->key) != entry)
        abort();
    for (size_t i = 0; i < entry->more_count; i++)
        if (entry->more[i].line <= entry->line || entry->more[i].text[0] == '\0')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct hb_ini *ini = NULL;
    unsigned errors = 0;
    int status = hb_ini_parse((const char *)data, bytes, ignore, &errors, &ini);
    if ((status == HB_OK) != (errors == 0))
        abort();
    for (size_t i = 0; i < ini->count; i++)
        for (size_t j = 0; j < ini->sections[i].count; j++)
            check_entry(&ini->sections[i], &ini->sections[i].entries[j]);
    hb_ini_free(ini);
    return 0;
}
