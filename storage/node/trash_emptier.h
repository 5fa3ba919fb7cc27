/* Emptying the trash: one thread that deletes what has lain there for the grace time, and nothing earlier. A full disk
 * does not shorten it: the grace is what allows a wrong database to be noticed, and a full node leaves placement
 * anyway; whoever needs the room sets a shorter grace.
 *
 * Ages are by the wall clock, but never by more than the process has seen pass since it started, and nothing is deleted
 * in its first hour (or the grace, if that is shorter): a clock that was set forward does not empty the trash at once.
 */
#ifndef TERCET_STORAGE_NODE_TRASH_EMPTIER_H
#define TERCET_STORAGE_NODE_TRASH_EMPTIER_H

#include "storage/node/chunk_store.h"

struct trash_emptier;

/* The store must outlive it. */
struct trash_emptier *trash_emptier_start(struct chunk_store *store, uint64_t grace_ms);
void trash_emptier_stop(struct trash_emptier *emptier); /* ends the chunk it is at; NULL is fine */

#endif
