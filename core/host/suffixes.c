/* SPDX-License-Identifier: Apache-2.0 */
#include "host/suffixes.h"

#include "base/memory.h"
#include "base/path.h"
#include "host/format.h"
#include <hbcore/transform.h>

struct list {
    char **all;
    size_t count;
};

static void add(struct list *list, const char *format, const char *seal)
{
    list->all = hb_resize(list->all, list->count + 2, sizeof *list->all);
    list->all[list->count++] = hb_text("%s%s", format, seal);
    list->all[list->count] = NULL;
}

static const char *const *seals_of(const struct hb_chosen *seal)
{
    return ((const struct hb_transform_ops *)seal->section->library->plugin->ops)->suffixes;
}

/* Each of a format with each of a transform; NULL: by itself. */
static void add_each(struct list *list, const struct hb_chosen *format,
                     const struct hb_chosen *seal)
{
    static const char *const none[] = {"", NULL};
    const char *const *at = hb_format_ops_of(format)->suffixes;
    for (; *at != NULL; at++)
        for (const char *const *behind = seal == NULL ? none : seals_of(seal); *behind != NULL;
             behind++)
            add(list, *at, *behind);
}

void hb_suffixes_make(const struct hb_chosen *format, const struct hb_chosen *seal,
                      struct hb_suffixes *suffixes)
{
    struct list list = {NULL, 0};
    add_each(&list, format, seal);
    *suffixes = (struct hb_suffixes){.all = list.all,
                                     .format = hb_format_ops_of(format)->suffixes,
                                     .seal = seal == NULL ? NULL : seals_of(seal)[0]};
}

void hb_suffixes_clear(struct hb_suffixes *suffixes)
{
    hb_suffixes_free(suffixes->all);
    *suffixes = (struct hb_suffixes){.all = NULL};
}

char **hb_suffixes_known(const struct hb_config *config, const struct hb_chosen *format)
{
    struct hb_chosen_list formats = {0}, seals;
    struct list list = {hb_alloc(sizeof(char *)), 0};
    if (format == NULL)
        hb_chosen_list(config, HB_KIND_FORMAT, &formats);
    hb_chosen_list(config, HB_KIND_TRANSFORM, &seals);
    for (size_t i = 0; i < (format == NULL ? formats.count : 1); i++) {
        const struct hb_chosen *one = format == NULL ? &formats.choices[i] : format;
        add_each(&list, one, NULL);
        for (size_t j = 0; j < seals.count; j++)
            add_each(&list, one, &seals.choices[j]);
    }
    hb_chosen_list_clear(&formats);
    hb_chosen_list_clear(&seals);
    return list.all;
}

void hb_suffixes_free(char **suffixes)
{
    for (char **at = suffixes; at != NULL && *at != NULL; at++)
        free(*at);
    free(suffixes);
}

char *hb_suffixes_complete(const struct hb_suffixes *suffixes, char *path)
{
    const char *name = hb_base_name(path);
    if (hb_format_stem((const char *const *)suffixes->all, name) > 0)
        return path;
    bool sealed_alone = suffixes->seal != NULL && hb_format_stem(suffixes->format, name) > 0;
    char *longer = hb_text("%s%s", path, sealed_alone ? suffixes->seal : suffixes->all[0]);
    free(path);
    return longer;
}
