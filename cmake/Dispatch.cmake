# SPDX-License-Identifier: Apache-2.0
# HB_XXH_DISPATCH: libxxhash chooses by the processor (on x86, where it was built so).
include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES PkgConfig::XXHASH)
check_c_source_compiles("
#include <xxh_x86dispatch.h>
int main(void) { return (int)XXH3_64bits(\"\", 0); }
" HB_XXH_DISPATCH)
unset(CMAKE_REQUIRED_LIBRARIES)
