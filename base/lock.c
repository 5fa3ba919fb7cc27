/* How many locks each thread holds; see the header. */
#include "base/lock.h"

#ifndef NDEBUG
__thread unsigned locks_held;
#endif
