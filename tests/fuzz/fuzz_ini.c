/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a configuration: the reader must neither fall over nor let libinih see a line
 * otherwise than it does itself, which shows in the entries.
 */
#include "ini_text.h"
#include "memory.h"

#include <stdio.h>
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

#ifndef HBCORE_FUZZ
/* Without libFuzzer: every file that is named, once. */
static int replay(const char *path)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    static char buffer[1 << 20];
    size_t bytes = fread(buffer, 1, sizeof buffer, file);
    fclose(file);
    /* Exactly as large as it is, so that the sanitizer sees a read beyond the end. */
    HB_AUTO_FREE uint8_t *copy = hb_alloc(bytes);
    memcpy(copy, buffer, bytes);
    return LLVMFuzzerTestOneInput(copy, bytes);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (replay(argv[i]) != 0)
            return 1;
    return argc > 1 ? 0 : 1;
}
#endif
