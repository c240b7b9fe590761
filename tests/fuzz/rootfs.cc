#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "engine/container/extract.h"
#include "engine/error.h"

namespace {

using namespace lodge;

// A folder of our own with the root filesystem's folder in it; nothing else may ever appear there.
struct Place {
    std::string top, root;

    Place() {
        // In memory where that is to be had: each input makes and removes files.
        std::string name = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm/lodge-fuzz-XXXXXX"
                                                           : "/tmp/lodge-fuzz-XXXXXX";
        if (!::mkdtemp(name.data())) std::abort();
        top = name;
        root = top + "/rootfs";
        if (::mkdir(root.c_str(), 0700) != 0) std::abort();
    }
    ~Place() {
        ::rmdir(root.c_str());
        ::rmdir(top.c_str());
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
};

// Extracted files never become devices, and nothing lies beside the root.
void check(const Place& place, const Fd& root) {
    const auto names = names_in(open_folder(place.top));
    if (names.size() != 1 || names.front() != "rootfs") std::abort();
    for (const std::string& name : names_in(root)) {
        struct stat facts {};
        if (::fstatat(root.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) std::abort();
        if (S_ISCHR(facts.st_mode) || S_ISBLK(facts.st_mode)) std::abort();
    }
}

}  // namespace

// An archive is somebody else's: whatever its bytes are, it is unpacked below the folder or
// refused. The first byte chooses the id map and how links are taken.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Place place;
    if (size < 2) return 0;
    const Fd in(::memfd_create("archive", MFD_CLOEXEC));
    if (!in || ::write(in.get(), data + 1, size - 1) != static_cast<ssize_t>(size - 1) ||
        ::lseek(in.get(), 0, SEEK_SET) != 0)
        std::abort();
    Ownership owner;
    owner.give = ::geteuid() == 0;
    if ((data[0] & 1) != 0) owner.map = parse_id_map({"u 0 100000 65536", "g 0 100000 65536"});
    const Links links = (data[0] & 2) != 0 ? Links::inside : Links::refuse;
    const Fd root = open_folder(place.root);
    try {
        RootWriter writer(open_folder(place.root), owner, links, "unpack");
        Extraction extraction{.what = "unpack", .limits = {1 << 20, 300}};
        extract_tar(in.get(), writer, extraction);
        if ((data[0] & 4) != 0) {
            writer.make_opaque("a");
            writer.white_out("b/c");
        }
    } catch (const Error&) {
        // Refused, in words.
    }
    check(place, root);
    ::fchmod(root.get(), 0700);
    empty_folder(root);
    if (!names_in(root).empty()) std::abort();
    return 0;
}
