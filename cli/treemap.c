/* SPDX-License-Identifier: Apache-2.0 */
#include "treemap.h"

/* What is free yet; `per_byte`: the area that a byte takes. */
struct room {
    double x, y, width, height, per_byte;
};

static double shorter(const struct room *room)
{
    return room->width < room->height ? room->width : room->height;
}

/* How far from a square the worst of a row is that fills the shorter side; 1: it is one. */
static double worst(const struct room *room, double largest, double smallest, double sum)
{
    double side = shorter(room);
    double thick = sum / side;
    double a = largest / thick / thick, b = smallest / thick / thick;
    double long_one = a > 1 ? a : 1 / a, flat_one = b > 1 ? b : 1 / b;
    return long_one > flat_one ? long_one : flat_one;
}

/* These fill the shorter side, and the room is what is left beside them. */
static void place_row(struct room *room, struct hb_tile *tiles, size_t count, double sum)
{
    double thick = sum / shorter(room), along = 0;
    int is_column = room->height <= room->width;
    for (size_t i = 0; i < count; i++) {
        double extent = (double)tiles[i].bytes * room->per_byte / thick;
        tiles[i].x = room->x + (is_column ? 0 : along);
        tiles[i].y = room->y + (is_column ? along : 0);
        tiles[i].width = is_column ? thick : extent;
        tiles[i].height = is_column ? extent : thick;
        along += extent;
    }
    if (is_column) {
        room->x += thick;
        room->width -= thick;
    } else {
        room->y += thick;
        room->height -= thick;
    }
}

void hb_treemap(struct hb_tile *tiles, size_t count, double aspect)
{
    double all = 0;
    for (size_t i = 0; i < count; i++)
        all += (double)tiles[i].bytes;
    if (all <= 0)
        return;
    struct room room = {0, 0, 100 * aspect, 100, 100 * aspect * 100 / all};
    for (size_t first = 0; first < count;) {
        double largest = (double)tiles[first].bytes * room.per_byte, sum = largest;
        size_t end = first + 1;
        double now = worst(&room, largest, largest, sum);
        for (; end < count; end++) {
            double area = (double)tiles[end].bytes * room.per_byte;
            double then = worst(&room, largest, area, sum + area);
            if (then > now)
                break;
            now = then;
            sum += area;
        }
        place_row(&room, tiles + first, end - first, sum);
        first = end;
    }
    for (size_t i = 0; i < count; i++) {
        tiles[i].x /= aspect;
        tiles[i].width /= aspect;
    }
}
