#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/container/archive_reader.h"
#include "engine/container/root_writer.h"
#include "engine/container/rootfs.h"

// Images of the Open Container Initiative on disk (image-spec 1.1: image-layout.md, layer.md).

namespace lodge {

struct Extraction;

// OciBlobs is where the blobs of an image layout are: files of a folder, or parts of one archive.
class OciBlobs {
  public:
    struct Part {
        std::string path;
        int64_t offset = 0, length = 0;
    };
    // A folder with an index.json, or a plain tar archive of one. Throws Error.
    explicit OciBlobs(const std::string& path);

    const std::string& path() const { return path_; }
    // The file of a name in the layout. Throws Error(Exit::refused) when there is none.
    Part part(const std::string& name) const;
    // The blob of "sha256:<64 hex digits>" or "sha512:…".
    Part blob(const std::string& digest) const;
    // Its bytes, at most `most`, with the digest verified.
    std::string read(const std::string& digest, size_t most) const;
    std::string read_name(const std::string& name, size_t most) const;

  private:
    std::string path_;
    bool archive_ = false;
    std::map<std::string, Part> parts_;  // of an archive
};

// OciImage is one image of a layout.
struct OciImage {
    struct Layer {
        std::string digest;
        int64_t size = 0;  // bytes, packed
    };
    std::vector<Layer> layers;  // the lowest first
    RootfsFacts facts;
    int64_t size() const;  // of all layers
};
// `reference` is the tag ("latest") or "" for the only one; `arch` as this machine's packages call
// it ("amd64"), for an index of several. Throws Error that names what there is.
OciImage read_oci_image(const OciBlobs& blobs, const std::string& reference,
                        const std::string& arch);
// Whether the path is a layout's folder or an archive that begins as one.
bool is_oci_layout(const std::string& path);

// BlobBytes is the content of a blob as it is read once, with its digest reckoned on the way.
class BlobBytes : public ArchiveBytes {
  public:
    BlobBytes(const OciBlobs::Part& part, std::string digest);
    ~BlobBytes() override;
    BlobBytes(const BlobBytes&) = delete;
    BlobBytes& operator=(const BlobBytes&) = delete;
    size_t next(const void*& bytes) override;
    int64_t taken() const { return taken_; }
    // Reads what is left; throws Error(Exit::refused) when the bytes are not those of the digest.
    void finish();

  private:
    struct Sum;
    Fd file_;
    OciBlobs::Part part_;
    std::string digest_;
    std::vector<char> buffer_;
    int64_t taken_ = 0;
    std::unique_ptr<Sum> sum_;
};

// Makes the image's layers one over the other, with what each takes away from those below it. The
// writer has to see links as the container does (Links::inside). `told` hears bytes of all layers.
void apply_layers(const OciBlobs& blobs, const OciImage& image, RootWriter& writer,
                  Extraction& extraction);

// The words of an image's configuration blob (application/vnd.oci.image.config.v1+json; Docker's is
// the same here). Throws Error(Exit::refused).
RootfsFacts facts_of_oci_config(std::string_view json);

}  // namespace lodge
