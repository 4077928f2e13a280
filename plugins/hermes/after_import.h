/* SPDX-License-Identifier: Apache-2.0 */
/* What an import leaves to be done. */
#ifndef HERMES_AFTER_IMPORT_H
#define HERMES_AFTER_IMPORT_H

#include "hermes.h"

/* Makes the aliases, and says what to type next. */
int hermes_after_import(const struct hermes *hermes, const struct hb_event *event);

#endif
