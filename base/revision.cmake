# cmake -DTREE=... -DOUT=... -P revision.cmake: writes the source of build_revision(), if it changed. A tree that was
# unpacked within another repository is no part of that one. A tag could hold what ends a string.
set(revision "")
if(EXISTS ${TREE}/.git)
  execute_process(COMMAND git --no-optional-locks -C ${TREE} describe --always --dirty OUTPUT_VARIABLE revision
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  string(REGEX REPLACE "[^0-9A-Za-z./_+-]" "_" revision "${revision}")
  string(SUBSTRING "${revision}" 0 63 revision)
endif()
if(revision STREQUAL "")
  set(revision unknown)
endif()
file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT [[
#include "base/revision.h"

const char *build_revision(void)
{
    return "@revision@";
}
]])
