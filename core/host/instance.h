/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins at work: instances, by the sections of the configuration, in chains. */
#ifndef HB_INSTANCE_H
#define HB_INSTANCE_H

#include "host/run.h"

int hb_instance_create(struct hb_run *run, const struct hb_section *section,
                       struct hb_instance **instance, struct hb_error *error);

/*
 * Everything that its plugin says against its settings, each in a call: what its check() says, or,
 * if it has none, what its create() says, whose instance is freed again.
 */
void hb_instance_check(struct hb_run *run, const struct hb_section *section,
                       void (*report)(void *context, const struct hb_error *error), void *context);

/* The place ("file:12") of the setting that a plugin's sentence "[SECTION] KEY: …" is about; NULL:
 * it is about none. Caller frees. */
char *hb_setting_origin(const struct hb_config *config, const char *said);

void hb_instance_free(struct hb_instance *instance);

/* Is it asked for the command? By its `on`; a hook without one also for its own commands. */
bool hb_section_takes_part(const struct hb_section *section, const char *command);

int hb_chain_create(struct hb_run *run, enum hb_kind kind, const char *command,
                    struct hb_chain *chain, struct hb_error *error);

void hb_chain_free(struct hb_chain *chain);

#endif
