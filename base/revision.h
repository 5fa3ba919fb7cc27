/* Which revision of the source the program was made of. */
#ifndef TERCET_BASE_REVISION_H
#define TERCET_BASE_REVISION_H

#define BUILD_REVISION_UNKNOWN "unknown" /* outside of git */

/* What `git describe` said of the tree when the program was built. The programs' own source of it, which revision.cmake
 * makes, takes the place of the library's: a commit leaves all else as it was built. */
const char *build_revision(void);

#endif
