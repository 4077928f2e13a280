/* SPDX-License-Identifier: Apache-2.0 */
#include "transform/at_work.h"

#include "base/memory.h"
#include "host/instance.h"
#include <string.h>

struct hb_transforms {
    struct hb_transform **all; /* each stays where it is */
    size_t count;
};

static void free_one(struct hb_transform *transform)
{
    hb_instance_free(transform->instance);
    if (transform->owned != NULL)
        hb_section_free(transform->owned);
    pthread_mutex_destroy(&transform->lock);
    free(transform);
}

static void clear(struct hb_transforms *transforms)
{
    for (size_t i = 0; i < transforms->count; i++)
        free_one(transforms->all[i]);
    free(transforms->all);
    free(transforms);
}

static struct hb_transforms *transforms_of(struct hb_run *run)
{
    if (run->transforms == NULL) {
        run->transforms = hb_alloc(sizeof *run->transforms);
        run->clear_transforms = clear;
    }
    return run->transforms;
}

static bool is_same(const struct hb_section *one, const struct hb_section *other)
{
    return one->library->plugin == other->library->plugin && strcmp(one->name, other->name) == 0;
}

int hb_transform_find(struct hb_run *run, const struct hb_chosen *choice,
                      struct hb_transform **transform, struct hb_error *error)
{
    struct hb_transforms *transforms = transforms_of(run);
    for (size_t i = 0; i < transforms->count; i++)
        if (is_same(transforms->all[i]->instance->section, choice->section)) {
            *transform = transforms->all[i];
            return HB_OK;
        }
    struct hb_transform *made = hb_alloc(sizeof *made);
    made->run = run;
    pthread_mutex_init(&made->lock, NULL);
    if (choice->owned != NULL) /* it may be gone before this one is */
        made->owned = hb_section_default(choice->section->library);
    int status = hb_instance_create(run, made->owned != NULL ? made->owned : choice->section,
                                    &made->instance, error);
    if (status != HB_OK) {
        free_one(made);
        return status;
    }
    made->ops = made->instance->plugin->ops;
    transforms->all = hb_resize(transforms->all, transforms->count + 1, sizeof made);
    transforms->all[transforms->count++] = made;
    *transform = made;
    return HB_OK;
}

const struct hb_chosen *hb_transform_of(const struct hb_chosen_list *list, const void *head,
                                        size_t bytes)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct hb_magic *magic = hb_transform_ops_of(&list->choices[i])->magics;
        for (; magic->length > 0; magic++)
            if (magic->length <= bytes && memcmp(head, magic->bytes, magic->length) == 0)
                return &list->choices[i];
    }
    return NULL;
}
