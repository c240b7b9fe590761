#pragma once

#include <span>
#include <string>

#include "engine/container/volume.h"

// Raw images as a container's volumes: what volume.cc does for folders.

namespace lodge {

// The steps that make an image of so many bytes with ext4 in it, its top folder the container's
// root's. Throws Error(Exit::missing) without mkfs.ext4.
void plan_make_image(Engine& engine, const CtVolume& volume, int64_t bytes, const IdMap& map,
                     Plan& plan);
// The same on a storage with devices.
void plan_make_device(Engine& engine, const CtVolume& volume, int64_t bytes, const IdMap& map,
                      Plan& plan);
// The step that copies one whole: shared blocks where the file system can, else its data without
// holes. What the guest `running` has not written yet is written first (0: none runs).
void plan_copy_image(Engine& engine, const std::string& source, const CtVolume& volume,
                     bool read_only, int running, Plan& plan);
// The steps that make an image larger, or the file system of a device that is larger by then, in
// use by guest `running` or not (0).
void plan_grow_image(const std::string& path, int64_t before, int64_t bytes, int running,
                     Plan& plan);

}  // namespace lodge
