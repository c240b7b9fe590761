#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/vm/demo.h"

namespace lodge {

// The modules' names that a module needs first, as its ".modinfo" says ("depends="), in its order.
// `bytes` is the module, unpacked.
std::vector<std::string> module_needs(std::string_view bytes);

// A file's content, unpacked when it is packed with gzip, xz or zstd. Throws Error.
std::string read_unpacked(const std::string& path);

// KernelModules is /lib/modules/<version>: which modules there are and in which order to load them.
class KernelModules {
  public:
    explicit KernelModules(std::string folder);  // throws Error when there is no such folder
    bool has(std::string_view name) const;       // as a file
    bool built_in(std::string_view name) const;  // in the kernel itself
    // The wanted modules that are files, each after those it needs. A wanted name that is neither
    // file nor built in is left out.
    std::vector<std::string> in_order(std::span<const std::string_view> wanted) const;
    std::string content(const std::string& name) const;  // unpacked

  private:
    std::string path(std::string_view name) const;
    std::string folder_;
    std::vector<std::pair<std::string, std::string>> files_;  // name, path; sorted
    std::vector<std::string> built_in_;                       // sorted
};

// Writes the demo guest's start-up file system as a cpio archive ("newc", as the kernel unpacks it:
// Documentation/driver-api/early-userspace/buffer-format.rst), not packed: unpacking costs an
// emulated processor more than reading. Throws Error; nothing half-made stays.
void write_initramfs(const std::string& busybox, const std::string& modules,
                     const std::string& path);

// Throws Error(Exit::missing) unless the file is an x86-64 program that needs no libraries.
void require_static(const std::string& program);

}  // namespace lodge
