#pragma once

#include <vector>

#include "engine/state/views.h"

namespace lodge {

class Host;
class Storage;

// Notes where the templates among the volumes came from, and adds those that servers offer for this
// machine's processor, with the content "available". Throws Error.
void add_templates(const Host& host, const Storage& storage, std::vector<VolumeView>& volumes);

}  // namespace lodge
