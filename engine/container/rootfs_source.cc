#include "engine/container/rootfs_source.h"

#include <sys/stat.h>
#include <sys/utsname.h>

#include <cerrno>
#include <filesystem>

#include "engine/container/oci.h"
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

// As skopeo writes them: "oci:/images/web:latest". The tag is what follows the last colon behind
// the last slash.
bool find_image(const std::string& given, RootfsSource& source) {
    for (const std::string_view transport : {"oci:", "oci-archive:"}) {
        if (given.rfind(transport, 0) != 0) continue;
        std::string path = given.substr(transport.size());
        const auto colon = path.rfind(':');
        if (colon != std::string::npos && path.find('/', colon) == std::string::npos) {
            source.reference = path.substr(colon + 1);
            path.resize(colon);
        }
        source.kind = RootfsSource::Kind::oci;
        source.path = full_path(path);
        return true;
    }
    return false;
}

bool find_volume(Engine& engine, const std::string& given, RootfsSource& source) {
    const auto id = VolumeId::parse(given);
    if (!id || given.front() == '/') return false;
    const VolumeInfo volume = engine.storages.info(given);
    if (volume.content != "vztmpl" && volume.content != "backup" && volume.content != "import")
        fail(Exit::refused,
             "cannot make a container of {}: it holds {}; templates are volumes of content vztmpl "
             "(lodge volumes --content vztmpl)",
             printable(given), volume.content);
    source.path = volume.path;
    return true;
}

}  // namespace

std::string machine_arch() {
    utsname names{};
    ::uname(&names);
    const std::string machine = names.machine;
    if (machine == "x86_64") return "amd64";
    if (machine == "aarch64") return "arm64";
    if (machine.rfind("armv", 0) == 0) return "armhf";
    if (machine.size() == 4 && machine.ends_with("86")) return "i386";
    return machine;
}

RootfsSource find_rootfs_source(Engine& engine, const std::string& given) {
    RootfsSource source;
    source.given = given;
    if (given.empty()) fail(Exit::usage, "a container needs a template to be made of");
    if (!find_image(given, source) && !find_volume(engine, given, source))
        source.path = full_path(given);
    struct stat facts {};
    if (::stat(source.path.c_str(), &facts) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            fail(Exit::not_found, "there is no template {}", printable(given));
        fail_errno(errno, "cannot look at " + printable(given));
    }
    if (source.kind == RootfsSource::Kind::oci) return source;
    if (is_oci_layout(source.path))
        source.kind = RootfsSource::Kind::oci;
    else if (S_ISDIR(facts.st_mode))
        source.kind = RootfsSource::Kind::folder;
    else if (!S_ISREG(facts.st_mode))
        fail(Exit::refused, "cannot make a container of {}: it is neither an archive nor a folder",
             printable(given));
    return source;
}

}  // namespace lodge
