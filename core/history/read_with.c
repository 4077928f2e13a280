/* SPDX-License-Identifier: Apache-2.0 */
#include "history/read_with.h"

#include "archive/fingerprint.h"
#include "base/memory.h"
#include "host/format.h"
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static void put_value(FILE *out, const struct hb_option *option, const struct hb_value *value)
{
    fprintf(out, "%s=%" PRId64 " %s", option->key, value->number,
            value->text == NULL ? "" : value->text);
    for (size_t i = 0; i < value->list_count; i++)
        fprintf(out, "\x1f%s", value->list[i]);
    putc('\n', out);
}

static void put_option(void *context, const struct hb_section *section,
                       const struct hb_option *option, const struct hb_value *value,
                       const char *origin)
{
    (void)origin;
    if (section->kind != HB_KIND_FORMAT && section->kind != HB_KIND_TRANSFORM)
        return;
    fprintf(context, "%s.", section->name);
    put_value(context, option, value);
}

/* False: another file of its name stands behind it on the path, and that is told. */
static bool put_format(FILE *out, const struct hb_run *run, const struct hb_chosen *choice)
{
    const struct hb_library *library = choice->section->library;
    struct stat status = {0};
    HB_AUTO_FREE char *shadowed = hb_loader_shadowed(hb_config_loader(run->config), library);
    if (stat(library->path, &status) != 0)
        return false;
    fprintf(out, "%s %s %s %" PRIu64 " %" PRId64 ".%09ld\n", choice->section->label, library->path,
            library->plugin->version, (uint64_t)status.st_size, (int64_t)status.st_mtim.tv_sec,
            status.st_mtim.tv_nsec);
    return shadowed == NULL;
}

bool hb_history_reader(const struct hb_run *run, bool names, unsigned char reader[32])
{
    const struct hb_import_settings *import = hb_config_import(run->config);
    struct hb_chosen_list formats;
    HB_AUTO_FREE char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (out == NULL)
        return false;
    fprintf(out, "%s %d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", HBCORE_VERSION, names,
            import->max_entries, import->max_bytes, import->max_path, import->max_names);
    hb_config_each(run->config, put_option, out);
    hb_format_list(run->config, &formats);
    bool right = true;
    for (size_t i = 0; i < formats.count; i++)
        right = put_format(out, run, &formats.choices[i]) && right;
    hb_chosen_list_clear(&formats);
    if (fclose(out) != 0)
        return false;
    hb_key_hash(text, reader);
    return right;
}
