#include "pace.h"

static size_t part(const struct pace *pace)
{
    unsigned busy = pace->busy > pace->before ? pace->busy : pace->before;
    size_t part = pace->all / (busy > 0 ? busy : 1);
    part = part > 0 ? part : 1;
    return part < pace->one ? part : pace->one;
}

bool pace_may(const struct pace *pace, const struct pace_of *of)
{
    return of->taken < part(pace);
}

void pace_take(struct pace *pace, struct pace_of *of, size_t len)
{
    of->taken += len;
    if (!of->busy && len > 0) {
        of->busy = true;
        pace->busy++;
    }
}

void pace_turn(struct pace *pace, struct pace_of *of)
{
    size_t due = part(pace);
    of->taken = of->taken > due ? of->taken - due : 0;
    of->busy = of->taken > 0;
    pace->owing += of->busy;
}

bool pace_next(struct pace *pace)
{
    pace->before = pace->busy;
    pace->busy = pace->owing;
    pace->owing = 0;
    return pace->before > 0 || pace->busy > 0;
}
