#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/storage/ovf.h"
#include "engine/units.h"

// Appliances as they lie on disk. The disks in an .ova stay where they are: qemu-img reads them out
// of the archive by offset, so that nothing is unpacked and no name of the archive becomes a path.

namespace lodge {
namespace {

constexpr int64_t most_text = 16 << 20;
constexpr size_t most_members = 1000;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    fail(Exit::refused, "cannot read the appliance {}: {}", printable(path), why);
}

std::string read_piece(const std::string& path, int64_t offset, int64_t length) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) fail_errno(errno, "cannot read " + printable(path));
    std::string bytes(static_cast<size_t>(length), '\0');
    size_t got = 0;
    while (got < bytes.size()) {
        const ssize_t count = ::pread(fd.get(), bytes.data() + got, bytes.size() - got,
                                      static_cast<off_t>(offset) + static_cast<off_t>(got));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail_errno(errno, "cannot read " + printable(path));
        if (count == 0) refuse(path, "it ends too early");
        got += static_cast<size_t>(count);
    }
    return bytes;
}

}  // namespace

int64_t tar_data_offset(const std::string& path, int64_t header) {
    for (int i = 0; i < 16; ++i) {
        const std::string block = read_piece(path, header, 512);
        const char type = block[156];
        header += 512;
        if (type != 'x' && type != 'g' && type != 'L' && type != 'K') return header;
        int64_t size = 0;
        for (size_t at = 124; at < 136 && block[at] >= '0' && block[at] <= '7'; ++at)
            size = size * 8 + (block[at] - '0');
        if (size > most_text) break;
        header += (size + 511) / 512 * 512;
    }
    fail(Exit::refused, "cannot read the archive {}: its headers are not understood",
         printable(path));
}

namespace {

using Archive = std::unique_ptr<archive, Owned<archive_read_free>>;

void list_archive(const std::string& path, OvfPackage& package) {
    const Archive reader(archive_read_new());
    if (!reader) refuse(path, "there is not enough memory");
    archive_read_support_format_tar(reader.get());
    if (archive_read_open_filename(reader.get(), path.c_str(), 65536) != ARCHIVE_OK)
        refuse(path, fmt::format("it is no tar archive ({})",
                                 printable(archive_error_string(reader.get()))));
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) fail_errno(errno, "cannot read " + printable(path));
    archive_entry* entry = nullptr;
    for (;;) {
        const int result = archive_read_next_header(reader.get(), &entry);
        if (result == ARCHIVE_EOF) return;
        if (result < ARCHIVE_WARN)
            refuse(path, fmt::format("it is a broken archive ({})",
                                     printable(archive_error_string(reader.get()))));
        const char* text = archive_entry_pathname(entry);
        std::string name = text ? text : "";
        if (name.rfind("./", 0) == 0) name.erase(0, 2);
        if (archive_entry_filetype(entry) == AE_IFDIR) continue;
        if (!is_member_name(name))
            refuse(path, fmt::format("its member '{}' leads out of it", printable(name)));
        if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) ||
            archive_entry_symlink(entry) || archive_entry_sparse_count(entry) > 0)
            refuse(path, fmt::format("its member '{}' is no plain file", printable(name)));
        if (package.parts.size() == most_members) refuse(path, "it has more than 1000 members");
        OvfPackage::Part part;
        part.path = path;
        part.length = archive_entry_size(entry);
        part.offset = tar_data_offset(path, archive_read_header_position(reader.get()));
        if (part.length < 0 || part.offset > facts.st_size ||
            part.length > facts.st_size - part.offset)
            refuse(path, fmt::format("it ends in the middle of '{}'", printable(name)));
        package.parts.emplace_back(std::move(name), std::move(part));
    }
}

void list_folder(const std::string& path, OvfPackage& package) {
    namespace fs = std::filesystem;
    std::error_code trouble;
    const fs::path folder = fs::canonical(fs::path(path).parent_path(), trouble);
    if (trouble) fail_errno(trouble.value(), "cannot read " + printable(path));
    auto add = [&](const std::string& name) {
        const fs::path at = fs::canonical(folder / name, trouble);
        struct stat facts {};
        if (trouble || ::stat(at.c_str(), &facts) != 0) return;
        const auto inside = at.lexically_relative(folder).string();
        if (inside.empty() || inside.rfind("..", 0) == 0 || !S_ISREG(facts.st_mode))
            refuse(path, fmt::format("its file '{}' leads out of its folder", printable(name)));
        package.parts.emplace_back(name, OvfPackage::Part{at.string(), 0, facts.st_size, "", ""});
    };
    add(fs::path(path).filename().string());
    add(fs::path(path).stem().string() + ".mf");
    if (package.parts.empty()) fail(Exit::not_found, "there is no file {}", printable(path));
    const auto& own = package.parts.front().second;
    if (own.length > most_text) refuse(path, "its description is longer than 16 MiB");
    for (const auto& disk : parse_ovf(read_piece(own.path, own.offset, own.length), path).disks) {
        const bool known = std::any_of(package.parts.begin(), package.parts.end(),
                                       [&](const auto& part) { return part.first == disk.file; });
        if (!disk.file.empty() && !known) add(disk.file);
    }
}

const OvfPackage::Part* find_ending(const OvfPackage& package, std::string_view ending) {
    for (const auto& [name, part] : package.parts)
        if (name.ends_with(ending)) return &part;
    return nullptr;
}

}  // namespace

const OvfPackage::Part& OvfPackage::part(std::string_view name) const {
    for (const auto& [own, part] : parts)
        if (own == name) return part;
    fail(Exit::not_found, "the appliance has no file '{}', which its description names",
         printable(name));
}

bool is_ovf_name(std::string_view path) {
    if (path.size() < 5) return false;
    std::string ending(path.substr(path.size() - 4));
    for (char& c : ending)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return ending == ".ova" || ending == ".ovf";
}

OvfPackage read_ovf_package(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0)
        fail_errno(errno, "cannot read the appliance " + printable(path));
    if (!S_ISREG(facts.st_mode)) refuse(path, "it is no file");
    OvfPackage package;
    const bool archive = path.back() == 'a' || path.back() == 'A';
    if (archive)
        list_archive(path, package);
    else
        list_folder(path, package);
    const auto* description =
        archive ? find_ending(package, ".ovf") : &package.parts.front().second;
    if (!description) refuse(path, "there is no description (.ovf) in it");
    if (description->length > most_text) refuse(path, "its description is longer than 16 MiB");
    const std::string text =
        read_piece(description->path, description->offset, description->length);
    if (const auto* manifest = find_ending(package, ".mf");
        manifest && manifest->length <= most_text) {
        for (const ManifestSum& sum :
             parse_manifest(read_piece(manifest->path, manifest->offset, manifest->length)))
            for (auto& [name, part] : package.parts)
                if (name == sum.file) {
                    part.algorithm = sum.algorithm;
                    part.sum = sum.sum;
                }
        // The description says what to make: it is checked before anything of it is believed.
        verify_part(*description, nullptr, nullptr, nullptr);
    }
    package.machine = parse_ovf(text, path);
    for (const auto& disk : package.machine.disks)
        if (!disk.file.empty()) (void)package.part(disk.file);
    if (find_ending(package, ".cert"))
        package.machine.unmapped.emplace_back("its signature (.cert), which is not checked");
    return package;
}

void verify_part(const OvfPackage::Part& part, bool (*going)(void*), void (*told)(void*, int64_t),
                 void* with) {
    if (part.sum.empty()) return;
    const EVP_MD* kind = EVP_get_digestbyname(part.algorithm.c_str());
    const std::unique_ptr<EVP_MD_CTX, Owned<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    if (!kind || !context || EVP_DigestInit_ex(context.get(), kind, nullptr) != 1)
        fail(Exit::failed, "cannot compute checksums of the kind {}", part.algorithm);
    constexpr int64_t step = 1 << 20;
    for (int64_t done = 0; done < part.length; done += step) {
        if (going && !going(with)) throw Error(Exit::cancelled, "cancelled");
        const std::string bytes =
            read_piece(part.path, part.offset + done, std::min(step, part.length - done));
        if (EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1)
            fail(Exit::failed, "cannot compute the checksum of {}", printable(part.path));
        if (told) told(with, done + static_cast<int64_t>(bytes.size()));
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> sum;
    unsigned length = 0;
    if (EVP_DigestFinal_ex(context.get(), sum.data(), &length) != 1)
        fail(Exit::failed, "cannot compute the checksum of {}", printable(part.path));
    std::string hex;
    for (unsigned i = 0; i < length; ++i)
        hex += fmt::format("{:02x}", sum[i]);
    if (hex != part.sum)
        fail(Exit::refused,
             "the appliance {} is damaged: a part of it has another {} checksum than its manifest "
             "says",
             printable(part.path), part.algorithm);
}

}  // namespace lodge
