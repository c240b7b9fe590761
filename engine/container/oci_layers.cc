#include "engine/container/extract.h"
#include "engine/container/oci.h"
#include "engine/error.h"

// Layers (image-spec, layer.md, "Whiteouts"): an archive whose member ".wh.NAME" takes NAME of the
// layers below away, and whose ".wh..wh..opq" hides all that those have in its folder.

namespace lodge {
namespace {

constexpr std::string_view whiteout = ".wh.", opaque = ".wh..wh..opq", reserved = ".wh..wh.";

// Whether the member is to be made; one that takes away does so now.
bool take_away(RootWriter& writer, const Member& member) {
    std::string_view path = member.path;
    while (path.size() > 1 && path.back() == '/')
        path.remove_suffix(1);
    const auto slash = path.rfind('/');
    const std::string folder(slash == std::string_view::npos ? "." : path.substr(0, slash));
    const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (name.rfind(whiteout, 0) != 0) return true;
    if (name == opaque)
        writer.make_opaque(folder);
    else if (name.rfind(reserved, 0) != 0)
        writer.white_out(folder + "/" + std::string(name.substr(whiteout.size())));
    return false;
}

}  // namespace

void apply_layers(const OciBlobs& blobs, const OciImage& image, RootWriter& writer,
                  Extraction& extraction) {
    const auto tell = extraction.told;
    int64_t before = 0;
    extraction.may_be_empty = true;
    extraction.wanted = [&](const Member& member) { return take_away(writer, member); };
    for (const OciImage::Layer& layer : image.layers) {
        BlobBytes bytes(blobs.blob(layer.digest), layer.digest);
        extraction.told = [&](int64_t) {
            if (tell) tell(before + bytes.taken());
        };
        writer.start_layer();
        extract_tar(bytes, writer, extraction);
        bytes.finish();
        before += bytes.taken();
    }
    extraction.told = tell;
}

}  // namespace lodge
