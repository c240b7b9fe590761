#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lodge {

class Host;

enum class Loader { grub, systemd_boot, other };
std::string_view loader_word(Loader loader);  // "grub", "systemd-boot", "another"

// BootFile is a file that a boot loader gets kernel words from, with what it would say then.
struct BootFile {
    std::string path;                   // with the sysroot
    std::optional<std::string> before;  // nullopt: there is none yet
    std::string after;
};

// BootLoader is what this machine was really started by, and how its words are changed.
struct BootLoader {
    Loader kind = Loader::other;
    std::string name;      // "systemd-boot 252.22", "GRUB"
    std::string evidence;  // how that is known: "/sys/firmware/efi/efivars/LoaderInfo-…: GRUB 2.12"
    // Why Lodge does not edit it, with what to do by hand; "" when it does.
    std::string why_not;
    std::vector<std::vector<std::string>> rebuild;  // programs to run after an edit
};
BootLoader find_loader(const Host& host);

// The edits that add words to what the machine is started with; empty when they all stand there.
// Throws Error(Exit::refused) with find_loader()'s why_not.
std::vector<BootFile> loader_edits(const Host& host, const BootLoader& loader,
                                   const std::vector<std::string>& words);

// The program that makes the initial file system anew, with its words; empty when there is none.
std::vector<std::string> initramfs_rebuild(const Host& host);

// A variable of the boot loader interface (systemd.io/BOOT_LOADER_INTERFACE) as plain text; "" when
// the firmware has none.
std::string loader_variable(const Host& host, std::string_view name);

}  // namespace lodge
