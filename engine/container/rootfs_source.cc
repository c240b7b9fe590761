#include "engine/container/rootfs_source.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/text.h"

namespace lodge {
namespace {

std::string full_path(const std::string& given) {
    std::error_code trouble;
    const auto path = std::filesystem::absolute(given, trouble).lexically_normal();
    if (trouble) fail_errno(trouble.value(), "cannot find " + printable(given));
    return path.string();
}

}  // namespace

RootfsSource find_rootfs_source(Engine& engine, const std::string& given) {
    RootfsSource source;
    source.given = given;
    struct stat facts {};
    if (const auto id = VolumeId::parse(given);
        id && given.front() != '/' && ::stat(given.c_str(), &facts) != 0) {
        const VolumeInfo volume = engine.storages.info(given);
        if (volume.content != "vztmpl" && volume.content != "backup" && volume.content != "import")
            fail(Exit::refused,
                 "cannot make a container of {}: it holds {}; templates are volumes of content "
                 "vztmpl (lodge volumes --content vztmpl)",
                 printable(given), volume.content);
        source.path = volume.path;
    } else {
        source.path = full_path(given);
    }
    if (::stat(source.path.c_str(), &facts) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            fail(Exit::not_found, "there is no template {}", printable(given));
        fail_errno(errno, "cannot look at " + printable(given));
    }
    if (!S_ISREG(facts.st_mode))
        fail(Exit::refused, "cannot make a container of {}: it is no archive", printable(given));
    return source;
}

}  // namespace lodge
