#include "engine/storage/image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/host.h"
#include "engine/process.h"
#include "engine/units.h"

namespace lodge {
namespace {

// A hostile image must not eat the machine while it is looked at.
constexpr std::string_view probe_memory = "--as=1073741824";
constexpr std::string_view probe_seconds = "--cpu=20";
constexpr auto probe_limit = std::chrono::seconds(30);

uint64_t big_endian(std::string_view bytes, size_t at, size_t count) {
    uint64_t value = 0;
    for (size_t i = 0; i < count; ++i)
        value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

std::string run_probe(const Host& host, std::vector<std::string> words, const std::string& what) {
    Program program;
    program.argv = {host.need_program("prlimit"), std::string(probe_memory),
                    std::string(probe_seconds), host.need_program("qemu-img")};
    for (std::string& word : words)
        program.argv.push_back(std::move(word));
    program.no_new_privileges = true;
    return run_checked(program, probe_limit, what);
}

}  // namespace

std::optional<Qcow2Head> parse_qcow2_head(std::string_view bytes) {
    if (bytes.size() < 72 || bytes.substr(0, 4) != std::string_view("QFI\xfb", 4))
        return std::nullopt;
    Qcow2Head head;
    const uint64_t version = big_endian(bytes, 4, 4);
    if (version != 2 && version != 3) return std::nullopt;
    head.version = static_cast<int>(version);
    const uint64_t size = big_endian(bytes, 24, 8);
    if (size > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
    head.size = static_cast<int64_t>(size);
    const uint64_t snapshots = big_endian(bytes, 60, 4);
    if (snapshots > 65536) return std::nullopt;  // QCOW_MAX_SNAPSHOTS
    head.snapshots = static_cast<int>(snapshots);
    const uint64_t backing_at = big_endian(bytes, 8, 8);
    const uint64_t backing_length = big_endian(bytes, 16, 4);
    if (backing_at != 0) {
        // The name lies in the first cluster and is at most 1023 bytes long.
        if (backing_length == 0 || backing_length > 1023 || backing_at > bytes.size() ||
            backing_length > bytes.size() - backing_at)
            return std::nullopt;
        head.backing = bytes.substr(backing_at, backing_length);
    }
    if (version == 3) {
        if (bytes.size() < 104) return std::nullopt;
        head.data_file = (big_endian(bytes, 72, 8) & 4) != 0;  // incompatible feature bit 2
    }
    return head;
}

std::optional<Qcow2Head> read_qcow2_head(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat found {};
    if (!fd || ::fstat(fd.get(), &found) != 0 || !S_ISREG(found.st_mode)) return std::nullopt;
    std::array<char, 8192> bytes;
    const ssize_t got = ::pread(fd.get(), bytes.data(), bytes.size(), 0);
    if (got <= 0) return std::nullopt;
    return parse_qcow2_head(std::string_view(bytes.data(), static_cast<size_t>(got)));
}

ImageInfo parse_image_info(std::string_view text, const std::string& path) {
    try {
        const auto json = nlohmann::json::parse(text);
        ImageInfo info;
        info.format = json.at("format").get<std::string>();
        info.size = json.at("virtual-size").get<int64_t>();
        info.used = json.value("actual-size", int64_t{0});
        info.backing = json.value("backing-filename", std::string());
        for (const auto& snapshot : json.value("snapshots", nlohmann::json::array()))
            info.snapshots.push_back(snapshot.at("name").get<std::string>());
        if (const auto specific = json.find("format-specific"); specific != json.end()) {
            const auto data = specific->find("data");
            if (data != specific->end() && data->is_object()) {
                info.data_file = data->value("data-file", std::string());
                for (const auto& extent : data->value("extents", nlohmann::json::array()))
                    info.extents.push_back(extent.at("filename").get<std::string>());
            }
        }
        return info;
    } catch (const nlohmann::json::exception& trouble) {
        fail(Exit::failed, "cannot read {}: qemu-img's answer was not understood: {}",
             printable(path), printable(trouble.what()));
    }
}

ImageInfo image_info(const Host& host, const std::string& path, std::string_view format) {
    if (path.empty() || path.front() != '/')
        fail(Exit::usage, "'{}' is not the full path of an image", printable(path));
    // Without this a FIFO or a terminal would hang the probe until its limit.
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) fail_errno(errno, "cannot read " + printable(path));
    if (!S_ISREG(found.st_mode) && !S_ISBLK(found.st_mode))
        fail(Exit::refused, "cannot read {}: it is neither a file nor a disk", printable(path));
    std::vector<std::string> words = {"info", "--output=json"};
    // A guest that runs holds a lock on its image; to look is no harm.
    words.push_back("--force-share");
    if (!format.empty()) {
        words.push_back("-f");
        words.push_back(format == "iso" ? "raw" : std::string(format));
    }
    words.push_back(path);
    return parse_image_info(run_probe(host, std::move(words), "cannot read " + printable(path)),
                            path);
}

std::string_view format_of_bytes(std::string_view bytes) {
    const auto at = [&](size_t offset, std::string_view magic) {
        return bytes.size() >= offset + magic.size() && bytes.substr(offset, magic.size()) == magic;
    };
    if (at(0, std::string_view("QFI\xfb\0\0\0\1", 8))) return "qcow";
    if (at(0, std::string_view("QFI\xfb", 4))) return "qcow2";
    if (at(0, "KDMV") || at(0, "COWD") || at(0, "# Disk DescriptorFile")) return "vmdk";
    if (at(0, "vhdxfile")) return "vhdx";
    if (at(0, "conectix")) return "vpc";
    if (at(0, std::string_view("QED\0", 4))) return "qed";
    if (at(64, "\x7f\x10\xda\xbe")) return "vdi";
    return "raw";
}

std::string image_words(const ImageSource& source, bool foreign, bool& with_format) {
    const bool may_lead = source.format == "qcow2" || source.format == "qcow" ||
                          source.format == "qed" || source.format == "vmdk";
    with_format = !source.is_part() && !(foreign && may_lead);
    if (with_format) return source.path;
    struct stat found {};
    const bool is_device = ::stat(source.path.c_str(), &found) == 0 && S_ISBLK(found.st_mode);
    nlohmann::json file = {{"driver", is_device ? "host_device" : "file"},
                           {"filename", source.path}};
    if (source.is_part()) {
        // QEMU takes whole sectors; a tar archive pads its members with zeroes up to one.
        const int64_t sectors = (source.length + 511) / 512;
        file = {
            {"driver", "raw"}, {"offset", source.offset}, {"size", sectors * 512}, {"file", file}};
    }
    nlohmann::json json = {{"driver", source.format}, {"file", file}};
    // An image that has grown a backing file since it was looked at still leads nowhere.
    if (may_lead) json["backing"] = nullptr;
    try {
        return "json:" + json.dump();
    } catch (const nlohmann::json::exception&) {
        fail(Exit::refused, "cannot import {}: its name is no UTF-8; rename it",
             printable(source.path));
    }
}

namespace {

ImageInfo look_at(const Host& host, const ImageSource& source) {
    if (!source.is_part()) return image_info(host, source.path, source.format);
    bool with_format = false;
    const std::string words = image_words(source, true, with_format);
    return parse_image_info(
        run_probe(host, {"info", "--output=json", words}, "cannot read " + printable(source.path)),
        source.path);
}

// A vmdk may be a text that names the files with its data.
void refuse_extents(const ImageSource& source, const ImageInfo& info) {
    const auto folder = std::filesystem::path(source.path).parent_path();
    for (const std::string& extent : info.extents) {
        if (extent == source.path) continue;
        const auto at = std::filesystem::path(extent);
        struct stat part {};
        const bool itself = source.is_part() && extent.rfind("json:", 0) == 0;
        const bool beside = !source.is_part() && at.parent_path() == folder &&
                            ::lstat(extent.c_str(), &part) == 0 && S_ISREG(part.st_mode);
        if (!itself && !beside)
            fail(Exit::refused, "cannot import {}: it takes data from {}, outside of its folder",
                 printable(source.path), printable(extent));
    }
}

}  // namespace

ImageInfo check_foreign_image(const Host& host, const ImageSource& source) {
    const std::string name = printable(source.path);
    struct stat found {};
    if (::stat(source.path.c_str(), &found) != 0) fail_errno(errno, "cannot import " + name);
    if (!S_ISREG(found.st_mode) && !S_ISBLK(found.st_mode))
        fail(Exit::refused, "cannot import {}: it is neither a file nor a disk", name);
    const std::string ending(format_of_name(source.path));
    if (!source.is_part() && (ending == "ova" || ending == "ovf"))
        fail(Exit::refused,
             "cannot import {} as a disk: it is a whole guest; lodge guest import {}", name, name);
    ImageSource known = source;
    std::array<char, 8192> bytes{};
    const Fd fd(::open(source.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    const ssize_t got =
        fd ? ::pread(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(source.offset)) : -1;
    if (got < 0) fail_errno(errno, "cannot import " + name);
    const std::string_view first(bytes.data(), static_cast<size_t>(got));
    // Seen before qemu-img opens anything: it would open the data file too.
    if (const auto head = parse_qcow2_head(first);
        head && head->data_file && source.format != "raw")
        fail(Exit::refused,
             "cannot import {}: its data lies in another file; join them first with qemu-img "
             "convert where you trust both",
             name);
    if (source.is_part()) {
        if (first.starts_with("# Disk DescriptorFile"))
            fail(Exit::refused, "cannot import {}: a disk in it names further files", name);
        if (known.format.empty()) known.format = format_of_bytes(first);
    }
    const ImageInfo info = look_at(host, known);
    static constexpr std::string_view formats[] = {"raw",  "qcow2", "qcow", "qed",
                                                   "vmdk", "vdi",   "vhdx", "vpc"};
    if (std::find(std::begin(formats), std::end(formats), info.format) == std::end(formats))
        fail(Exit::refused,
             "cannot import {}: it looks like an image of the format {}, which is not taken; when "
             "it "
             "is a plain copy of a disk, say that its format is raw",
             name, printable(info.format));
    const int64_t length = source.is_part() ? source.length : found.st_size;
    if (source.format.empty() && info.format == "raw" && S_ISREG(found.st_mode) &&
        length % 512 != 0)
        fail(Exit::refused,
             "cannot import {}: it is no disk image: no known format, and no whole sectors of 512 "
             "bytes",
             name);
    if (!info.backing.empty())
        fail(Exit::refused,
             "cannot import {}: it is only the difference to another image ({}), which is not "
             "followed; join them first with qemu-img convert where you trust both",
             name, printable(info.backing));
    if (!info.data_file.empty())
        fail(Exit::refused, "cannot import {}: its data lies in another file ({})", name,
             printable(info.data_file));
    refuse_extents(known, info);
    return info;
}

int64_t copy_size(const Host& host, const ImageSource& source, std::string_view snapshot) {
    bool with_format = false;
    const std::string image = image_words(source, false, with_format);
    std::vector<std::string> words = {"measure", "--output=json", "-O", "qcow2"};
    if (with_format)
        for (const std::string& word : {std::string("-U"), std::string("-f"), source.format})
            words.push_back(word);
    if (!snapshot.empty()) {
        words.push_back("-l");
        words.push_back("snapshot.name=" + std::string(snapshot));
    }
    words.push_back(image);
    const std::string what = "cannot measure " + printable(source.path);
    const std::string text = run_probe(host, std::move(words), what);
    try {
        return nlohmann::json::parse(text).at("required").get<int64_t>();
    } catch (const nlohmann::json::exception& trouble) {
        fail(Exit::failed, "{}: qemu-img's answer was not understood: {}", what,
             printable(trouble.what()));
    }
}

int64_t copy_size(const Host& host, const VolumeInfo& source, std::string_view snapshot) {
    if (source.path.starts_with("/dev/")) return source.used;
    return copy_size(host, ImageSource{source.path, source.format}, snapshot);
}

StorageSpace space_of(const std::string& folder) {
    struct statvfs facts {};
    std::filesystem::path at(folder);
    while (::statvfs(at.c_str(), &facts) != 0) {
        if (errno != ENOENT || at == at.parent_path())
            fail_errno(errno, "cannot see how much is free at " + printable(folder));
        at = at.parent_path();
    }
    const auto block = static_cast<int64_t>(facts.f_frsize);
    StorageSpace space;
    space.total = static_cast<int64_t>(facts.f_blocks) * block;
    space.used = static_cast<int64_t>(facts.f_blocks - facts.f_bfree) * block;
    space.available = static_cast<int64_t>(facts.f_bavail) * block;
    return space;
}

void require_space(const std::string& folder, int64_t bytes, const std::string& what) {
    const StorageSpace space = space_of(folder);
    if (bytes > space.available)
        fail(Exit::missing, "cannot {}: it takes {} and {} has only {} left", what,
             short_size(bytes), printable(folder), short_size(space.available));
}

std::string_view format_of_name(std::string_view file) {
    static constexpr std::string_view formats[] = {"qcow2", "raw",  "vmdk", "subvol", "iso",
                                                   "vdi",   "vhdx", "ova",  "ovf"};
    const auto dot = file.rfind('.');
    if (dot == std::string_view::npos) return {};
    std::string extension(file.substr(dot + 1));
    std::transform(extension.begin(), extension.end(), extension.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (extension == "img") return "raw";
    const auto* found = std::find(std::begin(formats), std::end(formats), extension);
    return found == std::end(formats) ? std::string_view{} : *found;
}

}  // namespace lodge
