#include "engine/storage/folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/storage/image.h"
#include "engine/units.h"

// What a folder storage holds: names, paths, listing. What it changes: folder_plan.cc.

namespace lodge {
namespace {

namespace fs = std::filesystem;

// Where each content lies below the root; content-dirs may say otherwise.
struct Place {
    std::string_view content, folder;
};
constexpr Place places[] = {
    {"images", "images"}, {"iso", "template/iso"},  {"vztmpl", "template/cache"},
    {"backup", "dump"},   {"snippets", "snippets"}, {"import", "import"},
};

std::optional<int> guest_id(std::string_view text) {
    const auto number = parse_integer(text);
    if (!number || *number < 100 || *number > 999999999 || std::to_string(*number) != text)
        return std::nullopt;
    return static_cast<int>(*number);
}

// A file's name that can stand in a configuration and leads nowhere else.
bool is_file_name(std::string_view name) {
    if (name.empty() || name == "." || name == ".." || name.size() > 255) return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '/' && c != ',';
    });
}

bool is_image_file(std::string_view file) {
    const auto format = format_of_name(file);
    return is_file_name(file) && file.find(' ') == std::string_view::npos &&
           !file.ends_with(".img") &&
           (format == "qcow2" || format == "raw" || format == "vmdk" || format == "subvol");
}

}  // namespace

FolderStorage::FolderStorage(const Host& host, std::string id, Values options)
    : Storage(std::move(id), "dir", std::move(options)), host_(host) {}

std::string FolderStorage::why_unusable() const {
    if (!enabled()) return fmt::format("storage {} is disabled in storage.cfg", id());
    if (root().empty() || root().front() != '/')
        return fmt::format("storage {} has no path in storage.cfg", id());
    const std::string mount = options().text("is_mountpoint", "0");
    if (const auto flag = parse_boolean(mount); !flag || *flag) {
        const std::string at = flag ? root() : mount;
        struct stat here {
        }, above{};
        if (::stat(at.c_str(), &here) != 0 || ::stat((at + "/..").c_str(), &above) != 0 ||
            (here.st_dev == above.st_dev && here.st_ino != above.st_ino))
            return fmt::format("storage {}: nothing is mounted at {}", id(), printable(at));
    }
    return {};
}

void FolderStorage::require_usable(std::string_view what) const {
    if (const std::string why = why_unusable(); !why.empty())
        fail(Exit::refused, "cannot {}: {}", what, why);
}

StorageSpace FolderStorage::space() const {
    require_usable("see how much is free");
    return space_of(root());
}

std::string FolderStorage::subfolder(std::string_view content) const {
    // content-dirs iso=my/isos,backup=vzdump
    for (const std::string& pair : split(options().text("content-dirs", ""), ',')) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos || pair.substr(0, equals) != content) continue;
        std::string folder = pair.substr(equals + 1);
        while (!folder.empty() && folder.front() == '/')
            folder.erase(0, 1);
        const auto parts = split(folder, '/');
        if (std::all_of(parts.begin(), parts.end(), is_file_name)) return folder;
        fail(Exit::refused, "storage {}: content-dirs names '{}', which is no folder below it",
             id(), printable(pair));
    }
    for (const Place& place : places)
        if (place.content == content) return std::string(place.folder);
    return std::string(content);
}

FolderStorage::Name FolderStorage::parse(std::string_view text) const {
    const auto parts = split(text, '/');
    Name name;
    name.file = parts.back();
    auto bad = [&]() {
        fail(Exit::usage, "'{}' is not the name of a volume on {}", printable(text), id());
    };
    const auto first = guest_id(parts.front());
    if (first && (parts.size() == 2 || parts.size() == 4)) {
        const auto owner = guest_id(parts[parts.size() - 2]);
        if (!owner || !is_image_file(name.file)) bad();
        if (parts.size() == 4) {
            if (!is_image_file(parts[1])) bad();
            name.base = parts[0] + "/" + parts[1];
        }
        name.owner = *owner;
        name.content = format_of_name(name.file) == "subvol" ? "rootdir" : "images";
        name.relative = subfolder("images") + "/" + std::to_string(*owner) + "/" + name.file;
        return name;
    }
    if (parts.size() != 2 || !is_file_name(name.file)) bad();
    for (const Place& place : places) {
        if (place.content != parts.front() || place.content == "images") continue;
        name.content = place.content;
        name.relative = subfolder(place.content) + "/" + name.file;
        return name;
    }
    bad();
    return name;
}

std::string FolderStorage::path(std::string_view name) const {
    return root() + "/" + parse(name).relative;
}

// A link inside the storage must not lead a guest, or a deletion, to files elsewhere.
void FolderStorage::refuse_escape(const std::string& path, std::string_view name) const {
    std::error_code trouble;
    const std::string real = fs::weakly_canonical(path, trouble).string();
    const std::string top =
        trouble ? std::string() : fs::weakly_canonical(root(), trouble).string();
    if (trouble) fail_errno(trouble.value(), "cannot look at " + printable(path));
    if (real.rfind(top == "/" ? top : top + "/", 0) != 0)
        fail(Exit::refused, "{}:{} leads out of the storage, to {}", id(), printable(name),
             printable(real));
}

VolumeInfo FolderStorage::look(const Name& name, std::string_view text) const {
    VolumeInfo volume;
    volume.id = id() + ":" + std::string(text);
    volume.path = root() + "/" + name.relative;
    volume.content = name.content;
    volume.owner = name.owner;
    volume.format = format_of_name(name.file);
    if (volume.format.empty()) {
        const auto dot = name.file.rfind('.');
        volume.format = dot == std::string::npos ? "" : name.file.substr(dot + 1);
    }
    struct stat facts {};
    if (::stat(volume.path.c_str(), &facts) != 0) {
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
            fail(Exit::not_found, "there is no volume {} ({} is not there)", printable(volume.id),
                 printable(volume.path));
        fail_errno(errno, "cannot look at " + printable(volume.path));
    }
    if (!S_ISREG(facts.st_mode) && !(S_ISDIR(facts.st_mode) && volume.format == "subvol"))
        fail(Exit::refused, "{} is no volume: {} is not a file", printable(volume.id),
             printable(volume.path));
    volume.size = facts.st_size;
    volume.used = static_cast<int64_t>(facts.st_blocks) * 512;
    if (volume.format == "qcow2" && name.content == "images") {
        // The format is what the name says, so a guest that writes a qcow2 head into its raw disk
        // gains nothing.
        const auto head = read_qcow2_head(volume.path);
        volume.size = head ? head->size : 0;
        if (head && !head->backing.empty()) {
            const fs::path base = fs::path(head->backing).lexically_normal();
            const std::string owner = base.parent_path().filename().string();
            const std::string file = base.filename().string();
            if (guest_id(owner) && is_image_file(file))
                volume.backing = id() + ":" + owner + "/" + file;
        }
    }
    return volume;
}

VolumeInfo FolderStorage::info(std::string_view text) const {
    require_usable("look at " + id() + ":" + printable(text));
    const Name name = parse(text);
    VolumeInfo volume = look(name, text);
    refuse_escape(volume.path, text);
    return volume;
}

std::vector<VolumeInfo> FolderStorage::list() const {
    require_usable("list " + id());
    std::vector<VolumeInfo> volumes;
    auto add = [&](const std::string& text) {
        try {
            volumes.push_back(info(text));
        } catch (const Error& trouble) {
            // Removed since it was listed, a link out of the storage, a folder: no volume.
            if (trouble.exit() != Exit::not_found && trouble.exit() != Exit::refused &&
                trouble.exit() != Exit::usage)
                throw;
        }
    };
    if (holds("images") || holds("rootdir")) {
        const std::string images = root() + "/" + subfolder("images");
        for (const std::string& owner : host_.list(images)) {
            if (!guest_id(owner)) continue;
            for (const std::string& file : host_.list(images + "/" + owner)) {
                if (!is_image_file(file)) continue;
                std::string text = owner + "/" + file;
                // A linked clone is named after its base.
                if (const auto head = read_qcow2_head(images + "/" + text);
                    head && !head->backing.empty() && file.ends_with(".qcow2")) {
                    const fs::path base = fs::path(head->backing).lexically_normal();
                    const std::string base_owner = base.parent_path().filename().string();
                    if (guest_id(base_owner) && is_image_file(base.filename().string()))
                        text = base_owner + "/" + base.filename().string() + "/" + text;
                }
                add(text);
            }
        }
    }
    for (const Place& place : places) {
        if (place.content == "images" || !holds(place.content)) continue;
        for (const std::string& file : host_.list(root() + "/" + subfolder(place.content)))
            if (is_file_name(file) && file.front() != '.')
                add(std::string(place.content) + "/" + file);
    }
    return volumes;
}

}  // namespace lodge
