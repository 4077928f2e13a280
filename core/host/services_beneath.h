/* SPDX-License-Identifier: Apache-2.0 */
/* Services about directories that are held open. What each does is said in hbcore/host.h. */
#ifndef HB_SERVICES_BENEATH_H
#define HB_SERVICES_BENEATH_H

#include "host/run.h"

int hb_host_list_beneath(const struct hb_host *host, int directory_fd, const char *path,
                         int (*each)(void *context, const char *name, uint32_t type),
                         void *context);
int hb_host_unlink_beneath(const struct hb_host *host, int directory_fd, const char *path);

#endif
