/* The revision of what is linked without revision.cmake's source: tests. */
#include "base/revision.h"

const char *build_revision(void)
{
    return BUILD_REVISION_UNKNOWN;
}
