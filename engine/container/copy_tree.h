#pragma once

#include "engine/container/extract.h"
#include "engine/container/root_writer.h"

namespace lodge {

// Makes all that is in a folder again: holes stay holes, hard links stay such, blocks are shared
// where the file system can. Other file systems mounted in it are not entered. Ids are taken as
// those inside the container. `told` hears the bytes copied. Throws Error.
void copy_tree(const Fd& from, RootWriter& writer, Extraction& extraction);

}  // namespace lodge
