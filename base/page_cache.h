/* Reads of files that do not wait for the disk. RocksDB knows only its own caches or reading at any price, and the
 * bytes of small chunks are in neither of its caches; but most that are read were written or read lately, and then the
 * kernel has them. So pread() is this program's own (page_cache.c), for all libraries that it uses: between begin and
 * end it gives the calling thread what is in the page cache, and fails with EAGAIN instead of waiting for more. What
 * may still be waited for is the name of a file that RocksDB did not open yet, and another thread that is opening it.
 */
#ifndef TERCET_BASE_PAGE_CACHE_H
#define TERCET_BASE_PAGE_CACHE_H

#include <stdbool.h>

void page_cache_only_begin(void); /* not nested */
/* True when something was refused, so that an error in between says nothing but that. */
bool page_cache_only_end(void);

#endif
