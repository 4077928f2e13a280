/* SPDX-License-Identifier: Apache-2.0 */
/* The host as plugins see it (hbcore/host.h): each service is one function in services.c. */
#ifndef HB_SERVICES_H
#define HB_SERVICES_H

#include "host/run.h"

/* Fills in the table that an instance's plugin gets. */
void hb_services_fill(struct hb_instance *instance);

#endif
