#include "engine/container/rootfs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "engine/container/copy_tree.h"
#include "engine/container/extract.h"
#include "engine/container/oci.h"
#include "engine/container/rootfs_source.h"
#include "engine/container/user_namespace.h"
#include "engine/container/volume_root.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/template/catalogue.h"
#include "engine/units.h"

namespace lodge {
namespace {

// What an archive of vzdump brings besides the root filesystem.
constexpr std::string_view vzdump_folder = "etc/vzdump/";

bool is_of_vzdump(std::string_view path) {
    while (path.rfind("./", 0) == 0)
        path.remove_prefix(2);
    return path.rfind(vzdump_folder, 0) == 0 && (path.ends_with(".conf") || path.ends_with(".fw"));
}

// The same work for root, who gives files to mapped users as they are numbered here, and for anyone
// else, who has to be the container's root for that.
void work_as_owner(Work& work, const IdMap& map,
                   const std::function<void(Work&, const Ownership&)>& does) {
    if (work.engine().host.is_root() || map.empty())
        return does(work, {map, work.engine().host.is_root(), false});
    IdMap itself = map;
    for (IdMap::Range& range : itself.ranges)
        range.outside = range.inside;
    run_in_user_namespace(work, map, [&](Work& within) { does(within, {itself, true, true}); });
}

// Nothing of anybody else's is overwritten, and nothing of theirs removed by the undo.
void require_empty(const Fd& folder, const std::string& path) {
    for (const std::string& name : names_in(folder, 3))
        if (name != "lost+found")
            fail(Exit::refused, "cannot fill {}: it is not empty ('{}' is in it)", printable(path),
                 printable(name));
}

void check_empty(Work&, const Values& on) {
    require_empty(open_volume_root(on.text("folder")), on.text("folder"));
}
std::string check_empty_shell(const Values& on) {
    return "test -z \"$(ls -A " + shell_quote(on.text("folder")) + ")\"";
}

// Before a program that the container's root is to be.
std::string as_container_root(const Values& on) {
    std::string line;
    for (std::string one : on.list("map")) {
        std::replace(one.begin(), one.end(), ' ', ':');
        line += (line.empty() ? "lxc-usernsexec -m " : " -m ") + one;
    }
    return line.empty() ? "" : line + " -- ";
}

// Fill is one action that fills a folder.
struct Fill {
    std::string what;
    int64_t total = 0;  // bytes that told() counts up to; 0: not known
    Links links = Links::refuse;
    // Makes the members; returns words for the log, "" for none.
    std::function<std::string(RootWriter&, Extraction&)> make;
};

void fill(Work& work, const Values& on, const Fill& how) {
    Fd folder = open_volume_root(on.text("folder"));
    work_as_owner(work, parse_id_map(on.list("map")), [&](Work& doing, const Ownership& owner) {
        RootWriter writer(std::move(folder), owner, how.links, how.what);
        Extraction extraction{.what = how.what,
                              .limits = limits_in(writer.root(), {on.integer("limit", 0), 0})};
        extraction.told = [&](int64_t done) {
            doing.check();
            doing.progress(done, how.total, "bytes");
        };
        const std::string words = how.make(writer, extraction);
        if (!words.empty()) doing.say(words);
        for (const std::string& note : writer.notes())
            doing.say(note);
        // An image that its storage has no room for learns of it only now.
        if (::syncfs(writer.root().get()) == 0) return;
        if (errno == EIO)
            fail(
                Exit::missing,
                "cannot {}: what was written did not reach the disk: its storage is full or broken",
                how.what);
        fail_errno(errno, "cannot " + how.what);
    });
}

void extract(Work& work, const Values& on) {
    const std::string& source = on.text("source");
    const std::string what = "unpack " + printable(source);
    const Fd in(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat facts {};
    if (!in || ::fstat(in.get(), &facts) != 0) fail_errno(errno, "cannot " + what);
    ::posix_fadvise(in.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    fill(work, on,
         {what, facts.st_size, Links::refuse, [&](RootWriter& writer, Extraction& extraction) {
              extraction.wanted = [](const Member& member) { return !is_of_vzdump(member.path); };
              return extract_tar(in.get(), writer, extraction);
          }});
}

void copy(Work& work, const Values& on) {
    const std::string& source = on.text("source");
    const std::string what = "copy " + printable(source);
    const Fd from = open_volume_root(source);
    fill(work, on, {what, 0, Links::refuse, [&](RootWriter& writer, Extraction& extraction) {
                        copy_tree(from, writer, extraction);
                        return "";
                    }});
}
std::string copy_shell(const Values& on) {
    return as_container_root(on) +
           shell_line({"cp", "-ax", "--reflink=auto", on.text("source") + "/.", on.text("folder")});
}

// An image is opened before somebody else reads it.
void apply(Work& work, const Values& on) {
    const OciBlobs blobs(on.text("source"));
    const OciImage image = read_oci_image(blobs, on.text("reference", ""), machine_arch());
    fill(work, on,
         {"unpack the image " + printable(on.text("source")), image.size(), Links::inside,
          [&](RootWriter& writer, Extraction& extraction) {
              apply_layers(blobs, image, writer, extraction);
              return "";
          }});
}
std::string apply_shell(const Values& on) {
    const std::string tag = on.text("reference", "");
    return as_container_root(on) +
           shell_line({"umoci", "raw", "unpack", "--image",
                       on.text("source") + (tag.empty() ? "" : ":" + tag), on.text("folder")});
}

std::string extract_shell(const Values& on) {
    return as_container_root(on) +
           shell_line({"tar", "-xpf", on.text("source"), "-C", on.text("folder"), "--numeric-owner",
                       "--acls", "--xattrs", "--xattrs-include=user.*",
                       "--xattrs-include=security.capability", "--anchored", "--exclude=./dev/*"});
}

void empty(Work& work, const Values& on) {
    const std::string& path = on.text("folder");
    if (is_image_volume(path)) return;  // it goes as a whole
    Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder && errno == ENOENT) return;
    if (!folder) fail_errno(errno, "cannot open the folder " + printable(path));
    work_as_owner(work, parse_id_map(on.list("map")),
                  [&](Work&, const Ownership&) { empty_folder(folder); });
}
std::string empty_shell(const Values& on) {
    return as_container_root(on) +
           shell_line({"find", on.text("folder"), "-xdev", "-mindepth", "1", "-delete"});
}

constexpr ActionKind kinds[] = {
    // folder
    {"rootfs-check-empty", check_empty, check_empty_shell},
    // source folder map… [limit bytes]
    {"rootfs-extract", extract, extract_shell},
    // the same; an image has its reference as well
    {"rootfs-copy", copy, copy_shell},
    {"rootfs-image", apply, apply_shell},
    // folder map…
    {"rootfs-empty", empty, empty_shell},
};

}  // namespace

std::span<const ActionKind> rootfs_actions() {
    return kinds;
}

namespace {

// Copying a folder into itself would never end.
void refuse_own_copy(const std::string& source, const std::string& folder) {
    std::error_code trouble;
    const std::string from = std::filesystem::weakly_canonical(source, trouble).string();
    const std::string to = std::filesystem::weakly_canonical(folder, trouble).string();
    if (trouble) fail_errno(trouble.value(), "cannot look at " + printable(source));
    if (to == from || to.rfind(from == "/" ? from : from + "/", 0) == 0)
        fail(Exit::refused, "cannot copy {}: the container's own folder lies in it",
             printable(source));
}

}  // namespace

Action empty_rootfs(const std::string& folder, const IdMap& map) {
    return {"rootfs-empty", {{"folder", folder}, {"map", print_id_map(map)}}};
}

void plan_rootfs(Engine& engine, const RootfsRequest& request, Plan& plan) {
    RootfsSource source;
    if (is_remote_template(engine, request.source)) {
        const RemoteTemplate remote = plan_fetch_template(engine, request.source, {}, plan);
        source = {remote.image ? RootfsSource::Kind::oci : RootfsSource::Kind::tar, request.source,
                  remote.path, ""};
    } else {
        source = find_rootfs_source(engine, request.source);
    }
    Values on = {{"folder", request.folder}, {"map", print_id_map(request.map)}};
    on.set({"source", source.path});
    if (request.limit > 0) on.set({"limit", request.limit});
    std::string verb = "rootfs-extract", does = "unpack";
    if (source.kind == RootfsSource::Kind::folder) {
        refuse_own_copy(source.path, request.folder);
        verb = "rootfs-copy", does = "copy";
    } else if (source.kind == RootfsSource::Kind::oci) {
        // Throws now what would go wrong later, unless it has to come first.
        if (engine.host.exists(source.path))
            (void)read_oci_image(OciBlobs(source.path), source.reference, machine_arch());
        verb = "rootfs-image", does = "unpack the image";
        if (!source.reference.empty()) on.set({"reference", source.reference});
    }
    // A step of its own: its undo must not empty what it found.
    plan.step(fmt::format("{} is empty", printable(request.folder)),
              {"rootfs-check-empty", {{"folder", request.folder}}});
    plan.step(fmt::format("{} {}", does, printable(source.given)), {verb, std::move(on)},
              empty_rootfs(request.folder, request.map));
}

}  // namespace lodge
