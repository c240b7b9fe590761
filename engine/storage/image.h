#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/storage/storage.h"

namespace lodge {

// Qcow2Head is what the first bytes of a qcow2 image say (docs/interop/qcow2.txt of QEMU). Reading
// them here spares a program start for each disk that is listed.
struct Qcow2Head {
    int version = 0;
    int64_t size = 0;        // what the guest sees, bytes
    std::string backing;     // file name as written, "" for none
    bool data_file = false;  // the data lies in another file
    int snapshots = 0;
};
// nullopt when `bytes` (the first 4 KiB or so of a file) begin no qcow2 image, or a broken one.
std::optional<Qcow2Head> parse_qcow2_head(std::string_view bytes);
// Of a regular file; nullopt when it is not there, not readable or no qcow2.
std::optional<Qcow2Head> read_qcow2_head(const std::string& path);

// Takes apart what `qemu-img info --output=json` printed. Throws Error.
ImageInfo parse_image_info(std::string_view json, const std::string& path);

// What an image file that a person brings is, once it is found to be one file by itself. Throws
// Error(Exit::refused) when it leads to other files, and for formats that are no disk images.
ImageInfo check_foreign_image(const Host& host, const ImageSource& source);
// How qemu-img is told to open the image: a path, or "json:…" for a part of a file and, `foreign`,
// for formats that could follow backing files. `with_format`: whether -f must be given as well.
std::string image_words(const ImageSource& source, bool foreign, bool& with_format);
// The format that the first bytes of an image tell; "raw" when they tell none.
std::string_view format_of_bytes(std::string_view bytes);

// Bytes that a sparse copy of the image takes, by `qemu-img measure`. Throws Error.
int64_t copy_size(const Host& host, const ImageSource& source, std::string_view snapshot);
// The same of a volume of ours; of a device what its storage says that it takes.
int64_t copy_size(const Host& host, const VolumeInfo& source, std::string_view snapshot);

// Throws Error(Exit::missing) when the file system of `folder` (or of its nearest parent that is
// there) has less than `bytes` left: "cannot <what>: it takes 3G and …".
void require_space(const std::string& folder, int64_t bytes, const std::string& what);
// Total, used and available bytes of the file system. Throws Error.
StorageSpace space_of(const std::string& folder);

// The format that a file's name tells: "qcow2", "raw", "vmdk", "iso", …; "" for none we know.
std::string_view format_of_name(std::string_view file);

}  // namespace lodge
