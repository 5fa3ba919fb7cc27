/* pread() for the whole program; see the header. The linker takes this one for the libraries, too, since one of them
 * refers to it; where a file system cannot tell what is cached, everything is refused. So is what ends early, since
 * Linux 5.9 and 5.10 give 0 bytes in the middle of a file instead of EAGAIN (preadv2(2), BUGS), and the end of a file
 * with it.
 */
#include "base/page_cache.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"

static _Thread_local bool only, refused;

void page_cache_only_begin(void)
{
    CHECK(!only);
    only = true;
    refused = false;
}

bool page_cache_only_end(void)
{
    CHECK(only);
    only = false;
    return refused;
}

#ifdef __SANITIZE_THREAD__
/* RocksDB's threads are no business of this sanitizer, which would see their reads here and nothing of their order. */
static ssize_t pread_anyhow(int fd, void *out, size_t len, off_t offset)
{
    return syscall(SYS_pread64, fd, out, len, offset);
}
#else
typedef ssize_t pread_fn(int fd, void *out, size_t len, off_t offset);

/* Whoever comes next, so that other sanitizers still see the read. */
static ssize_t pread_anyhow(int fd, void *out, size_t len, off_t offset)
{
    static _Atomic(pread_fn *) found;
    pread_fn *fn = atomic_load(&found);
    if (!fn) {
        fn = (pread_fn *)dlsym(RTLD_NEXT, "pread");
        CHECK(fn);
        atomic_store(&found, fn);
    }
    return fn(fd, out, len, offset);
}
#endif

ssize_t pread(int fd, void *out, size_t len, off_t offset)
{
    struct iovec piece = {out, len};
    if (!only)
        return pread_anyhow(fd, out, len, offset);
    ssize_t got = preadv2(fd, &piece, 1, offset, RWF_NOWAIT);
    if ((got == 0 && len > 0) || (got < 0 && errno != EINTR)) {
        refused = true;
        errno = EAGAIN;
        return -1;
    }
    return got;
}
