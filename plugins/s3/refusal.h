/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer that is no success means: the kind of reason (enum hb_cause), and what is to be
 * done about it. S3 says it by a status, and by a code in XML below it; a HEAD has the status
 * alone, and what a proxy on the way has answered is no XML at all.
 */
#ifndef S3_REFUSAL_H
#define S3_REFUSAL_H

#include "http.h"
#include <stdint.h>

enum then {
    THEN_FAIL,    /* it is so, and stays so */
    THEN_AGAIN,   /* later it may succeed: nothing was done */
    THEN_UNCLEAR, /* later, too; but it may have been done */
    THEN_KEYS,    /* with new keys */
    THEN_CLOCK,   /* with the service's clock */
    THEN_REGION   /* signed for another region */
};

struct refusal {
    char code[64];      /* "NoSuchKey"; "": the answer does not say */
    char message[300];  /* in the service's words; "": none */
    char region[64];    /* it names another one; "": none */
    char location[200]; /* where it wants to be asked instead, which is not done; "": nowhere */
    uint32_t cause;     /* enum hb_cause */
    enum then then;
};

/* Of an answer with a status that is not 2xx, or with an <Error> in its body. */
void refusal_of(const struct http_response *response, struct refusal *refusal);
/* Is the body of this 200 an <Error>, or no XML? Some requests begin to be answered before they are
 * done. */
bool refusal_in_body(const struct http_response *response);
/* What the person at the terminal can do; NULL: nothing that is known here. */
const char *refusal_hint(const struct refusal *refusal);

#endif
