#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "engine/container/archive_reader.h"
#include "engine/container/beneath.h"
#include "engine/container/oci.h"
#include "engine/container/rootfs.h"
#include "engine/container/rootfs_source.h"
#include "engine/container/volume_root.h"
#include "engine/error.h"
#include "engine/template/catalogue.h"
#include "engine/units.h"

// What a root filesystem says of itself.

namespace lodge {
namespace {

// ID and ID_LIKE of os-release(5) to the words of the configuration's ostype.
struct System {
    std::string_view id, ostype;
};
constexpr System systems[] = {
    {"debian", "debian"},     {"devuan", "devuan"},    {"ubuntu", "ubuntu"},
    {"alpine", "alpine"},     {"arch", "archlinux"},   {"archarm", "archlinux"},
    {"fedora", "fedora"},     {"centos", "centos"},    {"rhel", "centos"},
    {"rocky", "centos"},      {"almalinux", "centos"}, {"opensuse-leap", "opensuse"},
    {"opensuse", "opensuse"}, {"suse", "opensuse"},    {"opensuse-tumbleweed", "opensuse"},
    {"gentoo", "gentoo"},     {"nixos", "nixos"},
};

// e_machine of the ELF header, with its class and byte order (elf(5)).
struct Machine {
    unsigned machine;
    std::string_view arch;
};
constexpr Machine machines[] = {
    {62, "amd64"}, {3, "i386"}, {183, "arm64"}, {40, "armhf"}, {243, "riscv64"},
};

std::map<std::string, std::string> parse_os_release(const std::string& text) {
    std::map<std::string, std::string> values;
    for (const std::string& line : split(text, '\n')) {
        const auto equals = line.find('=');
        if (equals == std::string::npos || line.front() == '#') continue;
        std::string value(trim(std::string_view(line).substr(equals + 1)));
        if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
            value.back() == value.front())
            value = value.substr(1, value.size() - 2);
        values[line.substr(0, equals)] = value;
    }
    return values;
}

std::string ostype_of(const std::map<std::string, std::string>& release) {
    std::vector<std::string> ids;
    if (const auto own = release.find("ID"); own != release.end()) ids.push_back(own->second);
    if (const auto like = release.find("ID_LIKE"); like != release.end())
        for (const std::string& id : split(like->second, ' '))
            ids.push_back(id);
    for (const std::string& id : ids)
        for (const System& system : systems)
            if (system.id == id) return std::string(system.ostype);
    return "unmanaged";
}

std::string arch_of(const Fd& root) {
    for (const char* program : {"bin/sh", "usr/bin/env", "sbin/init", "lib/ld-linux.so.2"}) {
        const std::string head = read_beneath(root, program, 20);
        if (head.size() < 20 || head.compare(0, 4,
                                             "\x7f"
                                             "ELF") != 0)
            continue;
        const bool big = head[5] == 2;
        const unsigned low = static_cast<unsigned char>(head[big ? 19 : 18]);
        const unsigned high = static_cast<unsigned char>(head[big ? 18 : 19]);
        for (const Machine& one : machines)
            if (one.machine == (high << 8 | low)) return std::string(one.arch);
    }
    return "";
}

// Files by which systems are known whose os-release is a link to a place far behind.
constexpr System marks[] = {
    {"etc/alpine-release", "alpine"}, {"etc/arch-release", "archlinux"},
    {"etc/centos-release", "centos"}, {"etc/fedora-release", "fedora"},
    {"etc/gentoo-release", "gentoo"}, {"etc/devuan_version", "devuan"},
    {"etc/debian_version", "debian"}, {"etc/redhat-release", "centos"},
};
// As far as an archive is looked through for them; they mostly stand near its beginning.
constexpr int most_looked_at = 6000;

std::string content_of(ArchiveReader& reader) {
    std::string content;
    const void* bytes = nullptr;
    size_t size = 0;
    int64_t offset = 0;
    while (content.size() < 65536 && reader.piece(bytes, size, offset))
        content.append(static_cast<const char*>(bytes), size);
    return content;
}

// Without unpacking it: what is found on the way through its first members.
RootfsFacts facts_of_archive(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) fail_errno(errno, "cannot read " + printable(path));
    ArchiveReader reader(fd.get(), "look at " + printable(path));
    RootfsFacts facts;
    Member member;
    for (int i = 0; i < most_looked_at && reader.next(member); ++i) {
        std::string_view name = member.path;
        while (name.rfind("./", 0) == 0)
            name.remove_prefix(2);
        const bool in_etc = name.rfind("etc", 0) == 0;
        // All of etc has been seen, and it told what this is.
        if (facts.ostype != "unmanaged" && !in_etc) break;
        if (member.kind == Member::Kind::file &&
            (name == "etc/vzdump/pct.conf" || name == "etc/vzdump/vps.conf")) {
            facts.config = content_of(reader);
            break;  // it says all
        }
        if (member.kind == Member::Kind::file &&
            (name == "etc/os-release" || name == "usr/lib/os-release")) {
            const auto release = parse_os_release(content_of(reader));
            facts.ostype = ostype_of(release);
            if (const auto title = release.find("PRETTY_NAME"); title != release.end())
                facts.title = printable(title->second);
            break;
        }
        if (name == "etc/lsb-release" && member.kind == Member::Kind::file &&
            content_of(reader).find("DISTRIB_ID=Ubuntu") != std::string::npos)
            facts.ostype = "ubuntu";
        if (facts.ostype == "ubuntu") continue;  // which is also a Debian
        for (const System& mark : marks)
            if (name == mark.id) facts.ostype = mark.ostype;
    }
    return facts;
}

}  // namespace

RootfsFacts facts_of_folder(const std::string& folder) {
    const Fd root = open_folder(folder);
    RootfsFacts facts;
    std::string text = read_beneath(root, "etc/os-release");
    if (text.empty()) text = read_beneath(root, "usr/lib/os-release");
    const auto release = parse_os_release(text);
    facts.ostype = ostype_of(release);
    if (const auto title = release.find("PRETTY_NAME"); title != release.end())
        facts.title = printable(title->second);
    facts.arch = arch_of(root);
    return facts;
}

RootfsFacts facts_of_source(Engine& engine, const std::string& given) {
    if (is_remote_template(engine, given)) {
        Plan unused;
        RemoteOptions options;
        options.facts = true;
        return plan_fetch_template(engine, given, options, unused).facts;
    }
    const RootfsSource source = find_rootfs_source(engine, given);
    switch (source.kind) {
        case RootfsSource::Kind::folder:
            return facts_of_folder(source.path);
        case RootfsSource::Kind::oci:
            return read_oci_image(OciBlobs(source.path), source.reference, machine_arch()).facts;
        case RootfsSource::Kind::tar:
            return facts_of_archive(source.path);
    }
    return {};
}

namespace {

// The number of a name in passwd(5) or group(5) of the container; nullopt when it is not there.
std::optional<uint32_t> number_of(const Fd& root, const std::string& file, const std::string& name,
                                  size_t column) {
    const auto whole = [](const std::string& text) -> std::optional<uint32_t> {
        const auto number = parse_integer(text);
        if (!number || *number < 0 || *number >= UINT32_MAX) return std::nullopt;
        return static_cast<uint32_t>(*number);
    };
    if (column == 2)
        if (const auto number = whole(name)) return number;
    for (const std::string& line : split(read_beneath(root, file, 1 << 20), '\n')) {
        const auto parts = split(line, ':');
        if (parts.size() <= column) continue;
        if (parts[0] == name || (column == 3 && parts[2] == name)) return whole(parts[column]);
    }
    return std::nullopt;
}

}  // namespace

std::pair<uint32_t, uint32_t> user_in_folder(const std::string& folder, const std::string& user) {
    if (user.empty()) return {0, 0};
    const Fd root = open_volume_root(folder);
    const auto colon = user.find(':');
    const std::string name = user.substr(0, colon);
    const auto uid = number_of(root, "etc/passwd", name, 2);
    const auto gid = colon == std::string::npos
                         ? number_of(root, "etc/passwd", name, 3).value_or(0)
                         : number_of(root, "etc/group", user.substr(colon + 1), 2);
    if (!uid || !gid)
        fail(Exit::refused,
             "the image wants to run as {}, whom its /etc/passwd or /etc/group does "
             "not have",
             printable(user));
    return {*uid, *gid};
}

}  // namespace lodge
