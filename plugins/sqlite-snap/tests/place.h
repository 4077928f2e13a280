/* SPDX-License-Identifier: Apache-2.0 */
/* A view of a database of the home, without the plugin around it. */
#ifndef PLACE_H
#define PLACE_H

#include "fixture.h"
#include "view.h"

struct place {
    struct fixture *fixture;
    const char *name;
    bool read_only; /* the index is, to SQLite: then it takes mark 0 where it can */
    struct held live;
    struct view view;
    struct patience patience;
    char why[200];
};

/* One try. place_let_go() in any case. */
enum view_result place_pin(struct place *place, bool logged);
void place_let_go(struct place *place);

/* All of it; free() it. */
unsigned char *place_image(const struct place *place);

#endif
