/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, in the words of the person at the terminal. */
#ifndef HB_ERROR_H
#define HB_ERROR_H

#include <hbcore/abi.h>
#include <stdbool.h>

/*
 * One failure: `text` says what failed, on what, and why ("WHAT: WHY", no full stop); `hint`
 * what to do about it, or is empty. Functions that can fail take a pointer to one (never
 * NULL) and return a negative enum hb_status; they fill it in only then.
 */
struct hb_error {
    char text[1600];
    char hint[400];
    size_t why_bytes; /* so much at the end of the text says why, and not of what; 0: unknown */
    bool wrong_use;   /* the user has to say more: exit status 2 */
};

/* Fills in the text, clears the rest, returns `status`. */
int hb_error_set(struct hb_error *error, int status, const char *format, ...) HB_PRINTF(3, 4);

/* The text ends with this reason, which can be told alone where what it is about is told already.
 */
void hb_error_set_why(struct hb_error *error, const char *why);
/* The reason alone, or the text where that is not known. */
const char *hb_error_why(const struct hb_error *error);

/* Adds the hint. */
void hb_error_hint(struct hb_error *error, const char *format, ...) HB_PRINTF(2, 3);

/*
 * The hint for what failed because of `reason` (an errno): "free some space", and what is said
 * behind that. No hint for other reasons.
 */
void hb_error_space(struct hb_error *error, int reason, const char *behind);

#endif
