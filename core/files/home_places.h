/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of one home that is reached at several places (two mounts of one share, two machines): which id
 * it has at which. The file of home_id.h says that of the place that it was used at last, and has a
 * list "places" of the others: what it said of them when they were the last. Programs that do not
 * know the list drop it, and a place that is not in it any more gets a new id.
 *
 * An id in the list holds at its own place alone: path and machine must be the same, and the birth
 * time, also if that is none. So no two directories can have one id by it, whatever was copied:
 *
 *   cp -a, rsync   the copy's list names the places of the original, where the copy does not lie:
 *                  it gets a new id. Those places that are of the same machine are looked at. If
 *                  one of them does not show the new id, it is another directory (or is not mounted
 *                  now), and the copy begins with an empty list.
 *   mv             by inode and birth time the file holds as it is. Without birth times the home
 *                  gets a new id, as ever, and an empty list, since it is not at its old place any
 *                  more. So two homes that change places do not change ids.
 *   a clone        of a disk or machine has the birth times and paths; if the machine has an id of
 *                  its own, nothing in the list holds there, else the file holds as it is.
 *   restored       to its place file by file: by path and machine the file holds as it is. It is
 *                  not archived, so a home that is restored from an archive has no list at first.
 *   copied back    by another machine, to a place of the original: with birth times nothing holds,
 *                  for it is another directory; without them it is the home at that place, as one
 *                  that was restored there. No other directory has that id then: one that was
 *                  moved out of the way has got a new one.
 */
#ifndef HB_HOME_PLACES_H
#define HB_HOME_PLACES_H

#include <jansson.h>
#include <stdbool.h>

enum { HB_HOME_PLACES = 8 }; /* the oldest is forgotten */

/* What the file says of its last place, without the list: one entry of such a list. New. */
json_t *hb_home_place_of(const json_t *file);

/*
 * The list of the file without what is not an entry, or too much; a new array. If one of them is at
 * the place `here` (a JSON object with what the file says of a place) it is taken out of the list
 * into *mine, which the caller owns, else that is NULL.
 */
json_t *hb_home_places_read(const json_t *file, const json_t *here, json_t **mine);

/* Puts the entry first, of which it becomes the owner; the oldest goes. */
void hb_home_places_push(json_t *places, json_t *entry);

/*
 * Takes all entries of this machine out of the list, into a new one: whether they are the same
 * directory can be looked up, once its file has a new id.
 */
json_t *hb_home_places_split(json_t *places, const char *machine);

#endif
