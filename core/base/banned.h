/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that cannot be used safely do not compile. Included before every source by the build.
 */
#ifndef HB_BANNED_H
#define HB_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef __clang__ /* its fortified headers make macros of these names */
#pragma GCC poison strcpy strcat strncpy sprintf vsprintf strtok gets
#endif

#endif
