/* SPDX-License-Identifier: Apache-2.0 */
/* XXH3 as fast as this processor can, where the library finds that out; the results are the same.
 */
#ifndef HB_XXH3_H
#define HB_XXH3_H

#define XXH_STATIC_LINKING_ONLY /* a state of our own allocation */
#ifdef HB_XXH_DISPATCH
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

#endif
