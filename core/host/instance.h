/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins at work: instances, by the sections of the configuration, in chains. */
#ifndef HB_INSTANCE_H
#define HB_INSTANCE_H

#include "host/run.h"

int hb_instance_create(struct hb_run *run, const struct hb_section *section,
                       struct hb_instance **instance, struct hb_error *error);

void hb_instance_free(struct hb_instance *instance);

int hb_chain_create(struct hb_run *run, enum hb_kind kind, const char *command,
                    struct hb_chain *chain, struct hb_error *error);

void hb_chain_free(struct hb_chain *chain);

#endif
