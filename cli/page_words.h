/* SPDX-License-Identifier: Apache-2.0 */
/* Times and numbers as the page shows them. Each function fills `text`, or returns a constant. */
#ifndef HB_PAGE_WORDS_H
#define HB_PAGE_WORDS_H

#include <stdint.h>

enum { HB_PAGE_TIME = 32, HB_PAGE_NUMBER = 64 };

/* "2026-11-30 03:00", local; a dash where it is unknown (0). */
const char *hb_page_stamp(int64_t seconds, char text[HB_PAGE_TIME]);
/* The date alone. */
const char *hb_page_day(int64_t seconds, char text[HB_PAGE_TIME]);
/* "12 345", with narrow blanks that no line breaks at. */
const char *hb_page_number(uint64_t number, char text[HB_PAGE_NUMBER]);
/* "+3%", or "new". */
const char *hb_page_change(uint64_t then, uint64_t now, char text[HB_PAGE_NUMBER]);

#endif
