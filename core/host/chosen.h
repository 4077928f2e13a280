/* SPDX-License-Identifier: Apache-2.0 */
/* A format or a transform that may be used, and all of them. */
#ifndef HB_CHOSEN_H
#define HB_CHOSEN_H

#include "config/config.h"
#include "config/section.h"

/* A section of the configuration, or a plugin with its defaults. */
struct hb_chosen {
    const struct hb_section *section;
    struct hb_section *owned; /* where no section of the configuration names it */
};

/* By the label of its section, else the name of its plugin. HB_OK or HB_STATUS_FATAL. */
int hb_chosen_by_name(const struct hb_config *config, enum hb_kind kind, const char *name,
                      struct hb_chosen *chosen, struct hb_error *error);
void hb_chosen_clear(struct hb_chosen *chosen);

/* All that can be used: the sections first, then the other plugins of that kind on the path. */
struct hb_chosen_list {
    struct hb_chosen *choices;
    size_t count;
};
void hb_chosen_list(const struct hb_config *config, enum hb_kind kind, struct hb_chosen_list *list);
void hb_chosen_list_clear(struct hb_chosen_list *list);

#endif
