/* SPDX-License-Identifier: Apache-2.0 */
/* Services about programs and secrets. What each does is said in hbcore/host.h. */
#ifndef HB_SERVICES_CHILD_H
#define HB_SERVICES_CHILD_H

#include "host/run.h"

int hb_host_run_child(const struct hb_host *host, struct hb_child *child);
int hb_host_secret(const struct hb_host *host, const char *key, const char *text,
                   struct hb_secret *out);
void hb_host_secret_release(const struct hb_host *host, struct hb_secret *secret);

#endif
