/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore config new NAME */
#ifndef HB_CLI_CONFIG_NEW_H
#define HB_CLI_CONFIG_NEW_H

#include "session.h"

int hb_cli_config_new(struct hb_session *session);

#endif
