/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HB_CLI_PLUGINS_NEW_H
#define HB_CLI_PLUGINS_NEW_H

#include "session.h"

/* hbcore plugins new KIND NAME; a form of `plugins`. */
int hb_cli_plugins_new(struct hb_session *session);

#endif
