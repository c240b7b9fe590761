#pragma once

#include <memory>
#include <string>

#include "engine/storage/storage.h"

namespace lodge {

// The storage of an entry of storage.cfg. A kind that is not supported stays listed, with every use
// of it refused in words, so that nothing of the file is lost.
std::unique_ptr<Storage> make_storage(const Host& host, const std::string& type,
                                      const std::string& id, const Values& options);
// Whether the kind can be used, not only listed.
bool is_storage_kind_supported(std::string_view type);

}  // namespace lodge
