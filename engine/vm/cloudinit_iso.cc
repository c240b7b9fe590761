#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/vm/cloudinit.h"

namespace lodge {
namespace {

la_ssize_t take(archive*, void* image, const void* bytes, size_t size) {
    static_cast<std::string*>(image)->append(static_cast<const char*>(bytes), size);
    return static_cast<la_ssize_t>(size);
}

[[noreturn]] void fail_archive(archive* writer) {
    const char* words = archive_error_string(writer);
    throw Error(fmt::format("cannot make the cloud-init ISO: {}", words ? words : "out of memory"));
}

}  // namespace

std::string iso_image(const CloudInitSeed& seed) {
    std::string image;
    const std::unique_ptr<archive, Owned<archive_write_free>> writer(archive_write_new());
    if (!writer) throw Error("cannot make the cloud-init ISO: out of memory");
    archive* out = writer.get();
    const auto check = [out](int result) {
        if (result < ARCHIVE_WARN) fail_archive(out);
    };
    check(archive_write_set_format_iso9660(out));
    check(archive_write_set_format_option(out, "iso9660", "volume-id", seed.label.c_str()));
    check(archive_write_set_format_option(out, "iso9660", "joliet", "long"));
    check(archive_write_set_bytes_in_last_block(out, 1));
    check(archive_write_open(out, &image, nullptr, take, nullptr));
    for (const auto& [path, content] : seed.files) {
        const std::unique_ptr<archive_entry, Owned<archive_entry_free>> entry(archive_entry_new());
        archive_entry_set_pathname(entry.get(), path.c_str());
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), 0444);
        archive_entry_set_mtime(entry.get(), 0, 0);
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
        check(archive_write_header(out, entry.get()));
        if (archive_write_data(out, content.data(), content.size()) < 0) fail_archive(out);
    }
    check(archive_write_close(out));
    return image;
}

}  // namespace lodge
