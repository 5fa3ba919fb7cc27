/* Weighted rendezvous hashing, see the header. With u uniform in (0, 1), -weight / ln(u) is the inverse of an
 * exponential variable of rate 1 / weight, and the largest of several belongs to each with a probability that is
 * proportional to its weight. Which nodes may be asked at all is the caller's business. */
#include "storage/cluster/placement.h"

#include <math.h>

/* The finalizer of SplitMix64: every bit of the input changes each bit of the output with probability one half. */
static uint64_t mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

double placement_score(const struct chunk_id *id, unsigned number, uint64_t weight)
{
    uint64_t hash = mix(number);
    hash = mix(hash ^ get_u64(id->bytes));
    hash = mix(hash ^ get_u64(id->bytes + 8));
    /* 53 bits, shifted by one half so that neither 0 nor 1 can come out. */
    double uniform = ((double)(hash >> 11) + 0.5) / 9007199254740992.0;
    return -(double)(weight ? weight : 1) / log(uniform);
}
