#pragma once

#include <string>

#include "engine/fd.h"

namespace lodge {

// The top folder of a container's volume, for reading and for openat(2): of a folder itself, of a
// raw image the file system in it, mounted where nobody sees it until the descriptor and all that
// were opened through it are closed. Throws Error, naming the volume: Exit::busy for an image that
// is mounted already (its container runs), Exit::missing where it cannot be mounted by us.
Fd open_volume_root(const std::string& volume);
// Whether the volume is a raw image.
bool is_image_volume(const std::string& volume);
// Why an image could not be mounted, in words, of errno and the kernel's own words.
std::string image_trouble(int trouble, const std::string& words);

}  // namespace lodge
